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
