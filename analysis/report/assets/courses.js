// Training curves: one quantity at a time, variants to be switched on and off.

function startCourses() {
  if (!data.courses.length) return;
  const quantities = [...new Set(data.courses.flatMap((course) => Object.keys(course.curves)))];
  const names = data.variants.filter((name) => data.courses.some((course) => course.variant === name));
  const most = 6;
  const on = new Set(names.filter((name) => name === data.reference).concat(names.filter((name) => name !== data.reference)).slice(0, most));
  let quantity = quantities.find((name) => data.courses.some((course) => (course.curves[name]?.[0].length ?? 0) > 1)) ?? quantities[0];
  let emphasised = null;
  const select = make('select', { id: 'quantity' }, ...quantities.map((name) => make('option', { value: name, text: name })));
  select.value = quantity;
  const chips = new Map(names.map((name) => [name, make('button', {
    type: 'button', text: name, 'aria-pressed': on.has(name), '--chip': variantColour(name),
    onclick: () => set([name], !on.has(name)),
    onpointerenter: () => emphasise(name),
    onpointerleave: () => emphasise(null),
  })]));
  const whole = (text, state) => make('button', { type: 'button', class: 'all', text, onclick: () => set(names, state) });
  const bar = make('div', { class: 'chips' }, ...chips.values(), ...(names.length > 2 ? [whole('all', true), whole('none', false)] : []));
  const control = make('div', { class: 'controls' }, make('label', {}, 'Quantity ', select));

  const found = chart('courses', 'Training', 'A line is a trial; neighbouring reports of long trainings are averaged.', (svg, width) => {
    const shownCourses = data.courses.filter((course) => on.has(course.variant) && course.curves[quantity]);
    const [left, right, top, bottom] = [60, width - 14, 8, 290];
    const steps = shownCourses.flatMap((course) => course.curves[quantity][0]);
    const x = scale([0, ...steps], left, right, 0.01);
    const y = scale(shownCourses.flatMap((course) => course.curves[quantity][1]), bottom, top);
    axisLeft(svg, y, left, right);
    axisBelow(svg, x, top, bottom, 'training step', right - left);
    if (!shownCourses.length) svg.append(draw('text', { x: (left + right) / 2, y: 140, 'text-anchor': 'middle', text: 'nothing chosen has this quantity' }));
    for (const course of shownCourses) {
      const [at, values] = course.curves[quantity];
      const place = data.variants.indexOf(course.variant);
      const dim = emphasised !== null && emphasised !== course.variant ? ' dim' : '';
      const group = draw('g', { color: variantColour(course.variant), class: dim.trim() });
      const lines = [[]];
      values.forEach((value, index) => (value === null ? lines.push([]) : lines.at(-1).push(`${x(at[index])},${y(value)}`)));
      const dash = ['', '6 3', '2 3'][Math.floor(place / 8) % 3];
      for (const line of lines) {
        if (line.length > 1) group.append(draw('polyline', { class: 'line', 'stroke-dasharray': dash, points: line.join(' ') }));
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
        const [at, values] = course.curves[quantity];
        const index = at.reduce((best, value, place) => (Math.abs(value - step) < Math.abs(at[best] - step) ? place : best), 0);
        return values[index] === null ? [] : [{ course, at: at[index], value: values[index] }];
      }).sort((a, b) => b.value - a.value);
      const lines = near.slice(0, 12).map(({ course, value }) => `${course.variant}, seed ${course.seed}: ${Number(value.toPrecision(4))}`);
      if (near.length > 12) lines.push(`and ${near.length - 12} more`);
      if (near.length) showTooltip(`step ${Math.round(near[0].at)}\n${lines.join('\n')}`, event.clientX, event.clientY);
    });
    area.addEventListener('pointerleave', () => {
      cursor.setAttribute('visibility', 'hidden');
      hideTooltip();
    });
    svg.append(cursor, area);
    return bottom + 44;
  }, control, bar);

  function set(which, state) {
    for (const name of which) {
      on[state ? 'add' : 'delete'](name);
      chips.get(name).setAttribute('aria-pressed', state);
    }
    found.again();
  }
  function emphasise(name) {
    emphasised = name !== null && on.has(name) ? name : null;
    found.again();
  }
  select.addEventListener('input', () => {
    quantity = select.value;
    found.again();
  });
}
