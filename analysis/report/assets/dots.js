// Every case of every variant as a dot, on a box from quartile to quartile with the median.

/** Return a quantile of sorted values, linear between them. */
function quantile(sorted, share) {
  const place = share * (sorted.length - 1);
  const low = Math.floor(place);
  const high = Math.ceil(place);
  return sorted[low] + (sorted[high] - sorted[low]) * (place - low);
}

/** Move dots that would lie on each other apart, up and down in turns; returns an offset a dot. */
function spreadOut(places, radius, room) {
  const order = places.map((place, index) => [place, index]).sort((a, b) => a[0] - b[0]);
  const offsets = new Array(places.length).fill(0);
  const settled = [];
  for (const [place, index] of order) {
    let step = 0;
    const offset = () => (step % 2 ? 1 : -1) * Math.ceil(step / 2) * radius;
    const hits = () => settled.some(([x, y]) => Math.hypot(x - place, y - offset()) < 1.8 * radius);
    while (hits() && Math.ceil((step + 1) / 2) * radius <= room) step += 1;
    offsets[index] = offset();
    settled.push([place, offsets[index]]);
    if (settled.length > 40) settled.shift();
  }
  return offsets;
}

function startDots() {
  if (!data.values.flat(3).some((value) => value !== null)) return;
  const note = () => `${chosenMetric().heading}${ofClass()}; a dot is a case, its ${data.luck} averaged. Point at one to follow it`
    + `${data.browser.cases.length ? ', click to see it' : ''}. Box: quartiles and median.`;
  const found = chart('dots', 'Each case', note(), (svg, width) => {
    const values = chosenValues();
    const metric = chosenMetric();
    const layout = rowLayout(data.variants, width);
    const x = scale(values.flat(), layout.left, width - 14, 0.03);
    axisBelow(svg, x, 4, layout.bottom, metric.heading, width - layout.left);
    rowNames(svg, data.variants, layout);
    const places = data.variants.map(() => new Map());
    const trace = draw('polyline', { class: 'trace' });
    const dots = draw('g');
    values.forEach((own, row) => {
      const y = layout.middle(row);
      const there = own.filter((value) => value !== null).sort((a, b) => a - b);
      if (!there.length) {
        svg.append(draw('text', { x: layout.left + 8, y: y + 4, text: 'no scores' }));
        return;
      }
      const [low, middle, high] = [0.25, 0.5, 0.75].map((share) => x(quantile(there, share)));
      svg.append(draw('rect', { class: 'box', x: low, y: y - 9, width: Math.max(1, high - low), height: 18, rx: 2 }));
      svg.append(draw('line', { class: 'box median', x1: middle, x2: middle, y1: y - 9, y2: y + 9 }));
      const known = own.map((value, place) => [value, place]).filter(([value]) => value !== null);
      const offsets = spreadOut(known.map(([value]) => x(value)), 3, 9);
      known.forEach(([value, place], index) => {
        const at = [x(value), y + offsets[index]];
        places[row].set(place, at);
        const text = `${data.cases[place]}\n${data.variants[row]}: ${shown(value)} ${metric.unit}`;
        const line = () => places.flatMap((of) => (of.has(place) ? [of.get(place).join(',')] : []));
        const dot = draw('circle', { class: 'dot', color: colour(0), cx: at[0], cy: at[1], r: 3, opacity: 0.75 });
        const opens = browserHas(data.cases[place]) ? () => openCase(data.cases[place], true) : null;
        dots.append(tells(dot, text, {
          enter: () => trace.setAttribute('points', line().join(' ')),
          leave: () => trace.removeAttribute('points'),
          open: opens,
        }));
        // Hundreds of stops would bar the way of a keyboard; the table of cases below holds the same values.
        dot.setAttribute('tabindex', '-1');
      });
    });
    svg.append(trace, dots);
    return layout.bottom + 44;
  });
  choice.listeners.push(() => {
    found.note(note());
    found.again();
  });
}
