// Differences from the reference with their intervals.

/** Return the values that an axis of differences has to reach. */
const reach = (rows) => [0, ...rows.flatMap(({ difference }) => ['low', 'high', 'mean', 'seeds_low', 'seeds_high'].map((key) => difference[key]))];

/** Draw differences; `values` are those that the axis reaches, `others` further names that it leaves room for. */
function drawForest(svg, width, rows, { metric, chance, stop, reference, values = reach(rows), others = [] }) {
  const names = rows.map((row) => row.name);
  const layout = rowLayout(names, width, reference, others);
  const x = scale(values, layout.left, width - 14);
  axisBelow(svg, x, 4, layout.bottom, `difference in ${metric.label} [${metric.difference_unit}]`, width - layout.left);
  svg.append(draw('line', { class: 'zero', x1: x(0), x2: x(0), y1: 0, y2: layout.bottom }));
  rowNames(svg, names, layout);
  rows.forEach((row, place) => {
    const { mean, low, high, n, p, p_seeds: overSeeds, seeds_low: from, seeds_high: to, clear, undone } = row.difference;
    const y = layout.middle(place);
    const tone = clear ? ((mean > 0) === metric.higher ? 'good' : 'bad') : 'open';
    if (low !== null) svg.append(draw('line', { class: `bar ${tone}`, x1: x(low), x2: x(high), y1: y, y2: y }));
    if (from !== null) svg.append(draw('line', { class: `bar thin ${tone}`, x1: x(from), x2: x(to), y1: y, y2: y }));
    svg.append(draw('circle', { class: `dot ${tone}${undone ? ' hollow' : ''}`, cx: x(mean), cy: y, r: 5 }));
    const interval = low === null ? '' : ` (95 % CI ${shown(low, true)} to ${shown(high, true)})`;
    const seeds = overSeeds === null ? '' : `\nover ${chance} and cases ${pText(overSeeds)}`;
    const test = stop ? '' : `${p === '-' ? 'no test' : pText(p)}, `;
    const text = `${row.name}\n${shown(mean, true)} ${metric.difference_unit}${interval}\n${test}${n} cases${seeds}`;
    svg.append(tells(draw('rect', { class: 'hit', x: 0, y: layout.top(place), width, height: layout.height(place) }), text));
  });
  return layout.bottom + 44;
}

/** Say what the colours mean; where nothing was learned they mean nothing. */
function forestNote(rows, metric, { chance, stop }) {
  const mean = `Mean and 95 % interval over cases, ${metric.heading}`;
  if (stop) return `${mean}. Nothing was learned, so no difference is tested.`;
  const seeded = rows.some((row) => row.difference.p_seeds !== null);
  return `${mean}. Green is better, red is worse (p < ${data.significant}, Holm-adjusted), grey is undecided.`
    + (seeded ? ` Thin: interval over ${chance} and cases; a hollow dot is a difference that other ${chance} could undo.` : '');
}

function startForest() {
  const compared = () => data.variants.map((name, place) => ({ name, ...chosenRows()[place] })).filter((row) => row.difference);
  if (data.reference === null || !data.rows.flat(2).some((row) => row.difference)) return;
  const note = () => forestNote(compared(), { ...chosenMetric(), heading: `${chosenMetric().heading}${ofClass()}` }, data);
  const found = chart('forest', `Difference from ${data.reference}`, note(), (svg, width) =>
    drawForest(svg, width, compared(), { chance: data.chance, stop: data.stop, metric: chosenMetric(), reference: null }));
  choice.listeners.push(() => {
    found.note(note());
    found.again();
  });
}
