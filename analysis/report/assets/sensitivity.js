// A swept number against the score.

function startSensitivity() {
  if (data.sensitivity === null) return;
  const { label, values, places, axis, bands, levels, aside } = data.sensitivity;
  const level = () => levels[choice.metric][choice.class];
  const ofBand = () => (level() === null ? 'within cases: what makes a case hard for all is taken out' : `of the difference from ${data.reference}, whose mean is dashed`);
  const scaled = { log: ' The axis is logarithmic.', symlog: ' The axis is logarithmic, with 0 at its left.' };
  const banded = () => Object.keys(bands[choice.metric][choice.class]).length > 0;
  const asideOf = () => aside[choice.metric][choice.class];
  const beside = () => (asideOf().length ? ` ${asideOf().join(', ')}: other seeds or cases than ${data.reference}, so the band lies around the dashed mean plus the difference on those that both have, and the mean may lie beside it.` : '');
  const note = () => `Mean over cases, ${chosenMetric().heading}${ofClass()}${banded() ? `, with the 95 % interval ${ofBand()}` : ''}.${scaled[axis] ?? ''}${beside()}`;
  const found = chart('sensitivity', `${label} against ${chosenMetric().label}`, note(), (svg, width) => {
    const metric = chosenMetric();
    const points = data.variants
      .map((name, place) => ({ name, at: values[name], mean: chosenRows()[place].mean, n: chosenRows()[place].n, band: bands[choice.metric][choice.class][name] ?? null }))
      .filter((point) => point.at !== undefined && point.mean !== null)
      .sort((a, b) => a.at - b.at);
    const [left, right, top, bottom] = [56, width - 16, 8, 250];
    if (!points.length) return 20;
    const y = scale([level(), ...points.flatMap((point) => [point.mean, ...(point.band ?? [])])], bottom, top);
    const room = Math.max(24, (right - left) * 0.05);
    const x = (point) => left + room + places[point.name] * (right - left - 2 * room);
    axisLeft(svg, y, left, right);
    // The reference has no difference from itself: its band is as wide as a point.
    const within = points.map((point) => ({ ...point, band: point.band ?? (point.name === data.reference && level() !== null ? [point.mean, point.mean] : null) })).filter((point) => point.band !== null);
    if (within.some((point) => point.band[0] < point.band[1])) {
      const edge = [...within.map((point) => [x(point), y(point.band[1])]), ...[...within].reverse().map((point) => [x(point), y(point.band[0])])];
      svg.append(draw('polygon', { class: 'band', points: edge.map((at) => at.join(',')).join(' ') }));
    }
    if (level() !== null) svg.append(draw('line', { class: 'zero', 'stroke-dasharray': '5 4', x1: left, x2: right, y1: y(level()), y2: y(level()) }));
    svg.append(draw('polyline', { class: 'line', color: colour(0), points: points.map((point) => `${x(point)},${y(point.mean)}`).join(' ') }));
    let written = -Infinity;
    points.forEach((point, place) => {
      const reference = point.name === data.reference;
      svg.append(draw('circle', { class: 'dot', color: colour(reference ? 1 : 0), cx: x(point), cy: y(point.mean), r: reference ? 6 : 4.5 }));
      // Where it would touch the one before it, a value is not written; it tells itself.
      const half = textWidth(tickText(point.at), 12.5) / 2;
      if (x(point) - half > written + 8) {
        svg.append(draw('text', { x: x(point), y: bottom + 18, 'text-anchor': 'middle', text: tickText(point.at) }));
        written = x(point) + half;
      }
      const interval = point.band === null ? '' : `\n95 % interval ${level() === null ? 'within cases' : 'of the difference'}: \u00b1${shown((point.band[1] - point.band[0]) / 2)} ${metric.difference_unit}`;
      const text = `${point.name}${reference ? ' (reference)' : ''}\n${shown(point.mean)} ${metric.unit}, ${point.n} cases${interval}`;
      const from = place > 0 ? (x(points[place - 1]) + x(point)) / 2 : left;
      const to = place + 1 < points.length ? (x(points[place + 1]) + x(point)) / 2 : right;
      svg.append(tells(draw('rect', { class: 'hit', x: from, y: top, width: Math.max(1, to - from), height: bottom - top }), text));
    });
    const lines = wrapped(label, width, 12.5);
    lines.forEach((text, place) => svg.append(draw('text', { x: width / 2, y: bottom + 40 + 16 * place, 'text-anchor': 'middle', text })));
    return bottom + 34 + 16 * lines.length;
  });
  choice.listeners.push(() => {
    found.note(note());
    found.again();
  });
}
