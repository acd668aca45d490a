// Differences from the reference with their intervals.

function startForest() {
  const compared = () => data.variants.map((name, place) => ({ name, ...chosenRows()[place] })).filter((row) => row.difference);
  if (data.reference === null || !data.rows.flat(2).some((row) => row.difference)) return;
  const seeded = data.rows.flat(2).some((row) => row.difference && row.difference.p_seeds !== null);
  const note = () => `Mean and 95 % interval over cases, ${chosenMetric().heading}${ofClass()}. Green is better, red is worse `
    + `(p < ${data.significant}, Holm-adjusted), grey is undecided.`
    + (seeded ? ` Thin: interval over ${data.chance} and cases; a hollow dot is a difference that other ${data.chance} could undo.` : '');
  const found = chart('forest', `Difference from ${data.reference}`, note(), (svg, width) => {
    const rows = compared();
    const metric = chosenMetric();
    const layout = rowLayout(rows.map((row) => row.name), width);
    const ends = rows.flatMap(({ difference }) => ['low', 'high', 'mean', 'seeds_low', 'seeds_high'].map((key) => difference[key]));
    const x = scale([0, ...ends], layout.left, width - 14);
    axisBelow(svg, x, 4, layout.bottom, `difference in ${metric.heading}`, width - layout.left);
    svg.append(draw('line', { class: 'zero', x1: x(0), x2: x(0), y1: 0, y2: layout.bottom }));
    rowNames(svg, rows.map((row) => row.name), layout, width);
    rows.forEach((row, place) => {
      const { mean, low, high, n, p, p_seeds: overSeeds, seeds_low: from, seeds_high: to, clear, undone } = row.difference;
      const y = layout.middle(place);
      const tone = clear ? ((mean > 0) === metric.higher ? 'good' : 'bad') : 'open';
      if (low !== null) svg.append(draw('line', { class: `bar ${tone}`, x1: x(low), x2: x(high), y1: y, y2: y }));
      if (from !== null) svg.append(draw('line', { class: `bar thin ${tone}`, x1: x(from), x2: x(to), y1: y, y2: y }));
      svg.append(draw('circle', { class: `dot ${tone}${undone ? ' hollow' : ''}`, cx: x(mean), cy: y, r: 5 }));
      const interval = low === null ? '' : ` (95 % CI ${shown(low, true)} to ${shown(high, true)})`;
      const seeds = overSeeds === null ? '' : `\nover ${data.chance} and cases ${pText(overSeeds)}`;
      const text = `${row.name}\n${shown(mean, true)} ${metric.unit}${interval}\n${p === '-' ? 'no test' : pText(p)}, ${n} cases${seeds}`;
      svg.append(tells(draw('rect', { class: 'hit', x: 0, y: place * layout.height + 6, width, height: layout.height }), text));
    });
    return layout.bottom + 44;
  });
  choice.listeners.push(() => {
    found.note(note());
    found.again();
  });
}
