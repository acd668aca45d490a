// Scales and axes of the charts.

/** Return round numbers that divide a range. */
function ticks(low, high, most) {
  const rough = (high - low) / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999);
  const found = [];
  for (let place = Math.ceil(low / step); place * step <= high + step * 1e-6; place += 1) {
    found.push(Number((place * step).toPrecision(12)));
  }
  return found;
}

/** Return a function from values to pixels, with its range; a range of one value is widened. */
function scale(values, from, to, room = 0.05) {
  const there = values.filter((value) => value !== null && Number.isFinite(value));
  let [low, high] = there.length ? [Math.min(...there), Math.max(...there)] : [0, 1];
  const pad = (high - low) * room || Math.abs(high) * 0.05 || 1;
  [low, high] = [low - pad, high + pad];
  const place = (value) => from + ((value - low) / (high - low)) * (to - from);
  return Object.assign(place, { low, high });
}

const tickText = (value) => String(value).replace('-', '\u2212');

/** Draw a horizontal axis with grid lines from `top` to `bottom`, its numbers below. */
function axisBelow(svg, x, top, bottom, label, width) {
  for (const value of ticks(x.low, x.high, Math.max(3, Math.floor(width / 90)))) {
    svg.append(draw('line', { class: 'grid', x1: x(value), x2: x(value), y1: top, y2: bottom }));
    svg.append(draw('text', { x: x(value), y: bottom + 17, 'text-anchor': 'middle', text: tickText(value) }));
  }
  const middle = (x(x.low) + x(x.high)) / 2;
  svg.append(draw('text', { x: middle, y: bottom + 36, 'text-anchor': 'middle', text: label }));
}

/** Draw a vertical axis with grid lines from `left` to `right`, its numbers on the left. */
function axisLeft(svg, y, left, right) {
  for (const value of ticks(y.low, y.high, 5)) {
    svg.append(draw('line', { class: 'grid', x1: left, x2: right, y1: y(value), y2: y(value) }));
    svg.append(draw('text', { x: left - 7, y: y(value) + 4, 'text-anchor': 'end', text: tickText(value) }));
  }
}

/** Prepare a figure: caption, and a chart as wide as its place that is drawn anew when that changes. */
function chart(id, title, note, paint, ...more) {
  const figure = document.getElementById(id);
  const hint = make('span', { text: note });
  const holder = make('div');
  figure.replaceChildren(make('figcaption', {}, make('strong', { text: title }), hint), ...more, holder);
  let width = 0;
  const again = () => {
    const svg = draw('svg', { class: 'chart', role: 'img', 'aria-label': title });
    const height = paint(svg, width);
    svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    svg.setAttribute('height', height);
    holder.replaceChildren(svg);
  };
  new ResizeObserver(() => {
    const now = Math.floor(holder.clientWidth);
    if (now > 0 && now !== width) {
      width = now;
      again();
    }
  }).observe(holder);
  return { again: () => width && again(), note: (text) => { hint.textContent = text; } };
}

/** Lay out rows with a name each: beside the chart where there is room, above their row on a phone. */
function rowLayout(names, width) {
  const above = width < 560;
  const letters = Math.max(...names.map((name) => name.length), 4);
  const left = above ? 8 : Math.min(width * 0.34, letters * 7.4 + 18);
  const height = above ? 46 : 30;
  return { left, height, middle: (row) => row * height + (above ? 31 : 15) + 6, above, bottom: names.length * height + 8 };
}

/** Write the names of rows. */
function rowNames(svg, names, layout, width) {
  names.forEach((name, row) => {
    const most = Math.floor((layout.above ? width : layout.left - 14) / 7.2);
    const short = name.length > most ? `${name.slice(0, Math.max(1, most - 1))}…` : name;
    const place = layout.above
      ? { x: 0, y: layout.middle(row) - 16, 'text-anchor': 'start' }
      : { x: layout.left - 12, y: layout.middle(row) + 4.5, 'text-anchor': 'end' };
    const mark = name === data.reference ? 'name reference' : 'name';
    svg.append(draw('text', { class: mark, text: short, ...place }, draw('title', { text: name })));
  });
}
