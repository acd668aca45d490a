// A swept number against the score.

function startSensitivity() {
  if (data.sensitivity === null) return;
  const { label, values } = data.sensitivity;
  const note = () => `Mean and 95 % interval over cases, ${chosenMetric().heading}${ofClass()}. Values stand at equal distances.`;
  const found = chart('sensitivity', `${label} against ${chosenMetric().label}`, note(), (svg, width) => {
    const metric = chosenMetric();
    const points = data.variants
      .map((name, place) => ({ name, at: values[name], ...chosenRows()[place] }))
      .filter((point) => point.at !== undefined && point.mean !== null)
      .sort((a, b) => a.at - b.at);
    const [left, right, top, bottom] = [56, width - 16, 8, 250];
    if (!points.length) return 20;
    const y = scale(points.flatMap((point) => [point.low, point.high, point.mean]), bottom, top);
    const x = (place) => left + ((place + 0.5) / points.length) * (right - left);
    axisLeft(svg, y, left, right);
    // Where they would touch, only every second or third value is written; each tells itself.
    const every = Math.ceil((Math.max(...points.map((point) => textWidth(tickText(point.at), 12.5))) + 10) / ((right - left) / points.length));
    const known = points.map((point, place) => ({ ...point, place })).filter((point) => point.low !== null);
    const edge = [...known.map((p) => [x(p.place), y(p.high)]), ...known.reverse().map((p) => [x(p.place), y(p.low)])];
    svg.append(draw('polygon', { class: 'band', points: edge.map((at) => at.join(',')).join(' ') }));
    const line = points.map((point, place) => `${x(place)},${y(point.mean)}`).join(' ');
    svg.append(draw('polyline', { class: 'line', color: colour(0), points: line }));
    points.forEach((point, place) => {
      const reference = point.name === data.reference;
      svg.append(draw('circle', { class: 'dot', color: colour(reference ? 1 : 0), cx: x(place), cy: y(point.mean), r: reference ? 6 : 4.5 }));
      if (place % every === 0) svg.append(draw('text', { x: x(place), y: bottom + 18, 'text-anchor': 'middle', text: tickText(point.at) }));
      const interval = point.low === null ? '' : ` (95 % CI ${shown(point.low)} to ${shown(point.high)})`;
      const text = `${point.name}${reference ? ' (reference)' : ''}\n${shown(point.mean)} ${metric.unit}${interval}\n${point.n} cases`;
      const half = (right - left) / points.length;
      svg.append(tells(draw('rect', { class: 'hit', x: x(place) - half / 2, y: top, width: half, height: bottom - top }), text));
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
