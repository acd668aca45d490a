// Training: the score on validation cases, then the losses; the same variants are shown in both.

const dashes = ['', '6 3', '2 3'];
const courseDash = (name) => dashes[Math.floor(data.variants.indexOf(name) / 8) % 3];

/** Draw the courses of one quantity; `kind` is `scores` or `losses`. */
function drawCourses(svg, width, { shownCourses, kind, quantity, unit, emphasised }) {
  const [left, right, top, bottom] = [60, width - 14, 8, 290];
  const courseOf = (course) => course[kind][quantity];
  const x = scale([0, ...shownCourses.flatMap((course) => courseOf(course)[0])], left, right, 0.01);
  const y = scale(shownCourses.flatMap((course) => courseOf(course)[1]), bottom, top);
  axisLeft(svg, y, left, right);
  axisBelow(svg, x, top, bottom, 'training step', right - left);
  if (!shownCourses.length) svg.append(draw('text', { x: (left + right) / 2, y: 140, 'text-anchor': 'middle', text: 'nothing chosen has this quantity' }));
  for (const course of shownCourses) {
    const [at, values] = courseOf(course);
    const dim = emphasised !== null && emphasised !== course.variant ? 'dim' : '';
    const group = draw('g', { color: variantColour(course.variant), class: dim });
    const lines = [[]];
    values.forEach((value, index) => (value === null ? lines.push([]) : lines.at(-1).push(`${x(at[index])},${y(value)}`)));
    for (const line of lines) {
      if (line.length > 1) group.append(draw('polyline', { class: 'line', 'stroke-dasharray': courseDash(course.variant), points: line.join(' ') }));
      else if (line.length) group.append(draw('circle', { class: 'dot', cx: line[0].split(',')[0], cy: line[0].split(',')[1], r: 4 }));
    }
    svg.append(group);
  }
  const cursor = draw('line', { class: 'zero', y1: top, y2: bottom, visibility: 'hidden' });
  const area = draw('rect', { class: 'hit', x: left, y: top, width: right - left, height: bottom - top });
  area.addEventListener('pointermove', (event) => {
    const box = svg.getBoundingClientRect();
    const step = x.low + ((event.clientX - box.left - left) / (right - left)) * (x.high - x.low);
    cursor.setAttribute('visibility', 'visible');
    cursor.setAttribute('x1', event.clientX - box.left);
    cursor.setAttribute('x2', event.clientX - box.left);
    const near = shownCourses.flatMap((course) => {
      const [at, values] = courseOf(course);
      const index = at.reduce((best, value, place) => (Math.abs(value - step) < Math.abs(at[best] - step) ? place : best), 0);
      return values[index] === null ? [] : [{ course, at: at[index], value: values[index] }];
    }).sort((a, b) => b.value - a.value);
    const lines = near.slice(0, 12).map(({ course, value }) => `${course.variant}, seed ${course.seed}: ${Number(value.toPrecision(4))}${unit}`);
    if (near.length > 12) lines.push(`and ${near.length - 12} more`);
    if (near.length) showTooltip(`step ${Math.round(near[0].at)}\n${lines.join('\n')}`, event.clientX, event.clientY);
  });
  area.addEventListener('pointerleave', () => {
    cursor.setAttribute('visibility', 'hidden');
    hideTooltip();
  });
  svg.append(cursor, area);
  return bottom + 44;
}

function startCourses() {
  if (!data.courses.length) return;
  document.getElementById('no-courses')?.remove();
  const names = data.variants.filter((name) => data.courses.some((course) => course.variant === name));
  const first = [...names.filter((name) => name === data.reference), ...names.filter((name) => name !== data.reference)];
  const on = new Set(first.slice(0, 6));
  const charts = [];
  let emphasised = null;

  const chips = new Map(names.map((name) => [name, make('button', {
    type: 'button', text: name, 'aria-pressed': on.has(name), '--chip': variantColour(name),
    onclick: () => set([name], !on.has(name)),
    onpointerenter: () => emphasise(name),
    onpointerleave: () => emphasise(null),
  })]));
  const whole = (text, state) => make('button', { type: 'button', class: 'all', text, onclick: () => set(names, state) });
  const bar = make('div', { class: 'chips' }, ...chips.values(), ...(names.length > 2 ? [whole('all', true), whole('none', false)] : []));
  document.getElementById('course-variants').replaceChildren(bar);
  add('course-scores', 'scores', 'Network', (quantity) => `Validation ${quantity.replace(/^(student|teacher) dice$/, 'Dice of the $1')} [%]`, ' %');
  add('course-losses', 'losses', 'Loss', (quantity) => `Loss: ${quantity}, before its weight`, '');

  function add(id, kind, label, title, unit) {
    const quantities = [...new Set(data.courses.flatMap((course) => Object.keys(course[kind])))];
    if (!quantities.length) return;
    const several = (name) => data.courses.some((course) => (course[kind][name]?.[0].length ?? 0) > 1);
    let quantity = quantities.find(several) ?? quantities[0];
    const select = make('select', { id: `${id}-quantity` }, ...quantities.map((name) => make('option', { value: name, text: name })));
    select.value = quantity;
    const above = quantities.length > 1 ? [make('div', { class: 'controls' }, make('label', {}, `${label} `, select))] : [];
    const chosen = () => data.courses.filter((course) => on.has(course.variant) && course[kind][quantity]);
    const legend = () => names.filter((name) => chosen().some((course) => course.variant === name))
      .map((name) => ({ name, colour: variantColour(name), dash: courseDash(name) }));
    const start = () => {
      const found = chart(id, title(quantity), 'A line is a trial; neighbouring reports of long trainings are averaged.',
        (svg, width) => drawCourses(svg, width, { shownCourses: chosen(), kind, quantity, unit, emphasised }), { above, legend });
      charts.push(found);
      return found;
    };
    let found = start();
    select.addEventListener('input', () => {
      quantity = select.value;
      charts.splice(charts.indexOf(found), 1);
      found = start();
    });
  }
  function set(which, state) {
    for (const name of which) {
      on[state ? 'add' : 'delete'](name);
      chips.get(name).setAttribute('aria-pressed', state);
    }
    charts.forEach((one) => one.again());
  }
  function emphasise(name) {
    emphasised = name !== null && on.has(name) ? name : null;
    charts.forEach((one) => one.again());
  }
}
