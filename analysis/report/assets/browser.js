// The case browser: one case at a time, the same slice under every variant.

const caseNames = data.browser.cases.map((each) => each.id);
const browserHas = (id) => caseNames.includes(id);
const look = { place: 0, plane: 'x-y', at: 0, mode: 'contours', predictionOn: true, referenceOn: true, large: null };
const view = { opened: null, panels: [], asked: 0, waiting: false };

function startBrowser() {
  if (!caseNames.length) return;
  const holder = document.getElementById('browser');
  holder.classList.add('browser');
  const option = (value, text = value) => make('option', { value, text });
  const select = make('select', { id: 'case', oninput: () => openCase(caseNames[Number(select.value)]) },
    ...caseNames.map((id, place) => option(place, id)));
  const step = (by) => openCase(caseNames[(look.place + by + caseNames.length) % caseNames.length]);
  const plane = make('select', { id: 'plane', oninput: () => turn(plane.value) }, ...Object.keys(planes).map((name) => option(name)));
  const mode = make('select', { id: 'mode', oninput: () => change({ mode: mode.value }) },
    option('contours'), option('filled', 'filled prediction'), option('errors', 'errors'));
  const toggle = (key, text, swatches) => {
    const button = make('button', { type: 'button', id: key, 'aria-pressed': 'true', onclick: () => {
      change({ [key]: !look[key] });
      button.setAttribute('aria-pressed', look[key]);
    } }, ...swatches, text);
    return button;
  };
  const swatch = (value) => make('span', { class: 'swatch', '--swatch': value });
  const several = data.classes.length > 1 ? data.classes.slice(1) : [''];
  view.legend = make('p', { class: 'note', id: 'legend' });
  view.slider = make('input', { type: 'range', id: 'slice', min: 0, step: 1, 'aria-label': 'Slice', oninput: () => change({ at: Number(view.slider.value) }) });
  view.output = make('output', { for: 'slice' });
  view.holder = make('div', { class: 'panels', id: 'panels' });
  view.select = select;
  holder.replaceChildren(
    make('div', { class: 'controls' },
      make('label', {}, 'Case ', select),
      make('span', { class: 'toggles' },
        make('button', { type: 'button', text: '‹', 'aria-label': 'Previous case', onclick: () => step(-1) }),
        make('button', { type: 'button', text: '›', 'aria-label': 'Next case', onclick: () => step(1) })),
      make('label', {}, 'Plane ', plane),
      make('label', {}, 'Show ', mode),
      make('span', { class: 'toggles' },
        toggle('predictionOn', 'prediction', several.map((_, place) => swatch(classColour(place + 1)))),
        toggle('referenceOn', 'label', [swatch(referenceColour)]))),
    view.legend,
    make('div', { class: 'slider' }, view.slider, view.output),
    view.holder,
  );
  startScrolling(view.holder);
  new ResizeObserver(repaint).observe(view.holder);
  const first = new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting) && view.asked === 0) openCase(caseNames[0]);
    if (view.asked > 0) first.disconnect();
  }, { rootMargin: '200px' });
  first.observe(holder);
}

/** Open a case; its slices are decoded now, those of the case before are let go. */
async function openCase(id, jump = false) {
  const ask = (view.asked += 1);
  look.place = caseNames.indexOf(id);
  look.large = null;
  view.select.value = look.place;
  view.holder.setAttribute('aria-busy', 'true');
  view.output.textContent = 'decoding…';
  if (jump) document.getElementById('cases').scrollIntoView();
  try {
    const opened = await decodeCase(look.place);
    if (ask !== view.asked) return;
    view.opened = opened;
    makePanels();
    turn(look.plane);
  } catch (error) {
    view.output.textContent = '';
    view.holder.replaceChildren(make('p', { class: 'note', text: `This browser can't decode the case (${error.message}); a current one can.` }));
  }
  view.holder.removeAttribute('aria-busy');
}

function makePanels() {
  const { id, predictions, scores } = view.opened;
  const { unit, label } = data.metrics[0];
  view.panels = data.browser.trials.filter(({ variant }) => predictions.has(variant)).map(({ variant, seed }) => {
    const canvas = make('canvas', { role: 'img', 'aria-label': `${id}: ${variant}` });
    const known = scores[variant];
    const detail = data.classes.length > 1 && known ? ` (${data.classes.slice(1).map((name, place) => `${name} ${shown(known[place + 1])}`).join(', ')})` : '';
    const button = make('button', { type: 'button', class: 'panel', title: 'Larger or smaller', onclick: () => enlarge(variant) },
      canvas,
      make('span', { class: 'name', text: variant === data.reference ? `${variant} (reference)` : variant }),
      make('span', { class: 'score', text: `${label} ${known ? `${shown(known[0])} ${unit}` : '-'}${detail}, seed ${seed}` }));
    return { variant, canvas, button };
  });
  view.holder.replaceChildren(...view.panels.map((panel) => panel.button));
  view.holder.classList.remove('large');
}

function enlarge(variant) {
  if (view.dragged) return;
  look.large = look.large === variant ? null : variant;
  view.holder.classList.toggle('large', look.large !== null);
  for (const panel of view.panels) panel.button.hidden = look.large !== null && panel.variant !== look.large;
  repaint();
}

/** Look at another plane, at the slice that holds most of the label. */
function turn(plane) {
  look.plane = plane;
  if (!view.opened) return;
  const { shape, reference, predictions } = view.opened;
  view.slider.max = shape[planes[plane][2]] - 1;
  change({ at: fullestSlice(reference ?? [...predictions.values()][0], shape, plane) });
}

function change(what) {
  Object.assign(look, what);
  repaint();
}

function scrollBy(slices) {
  if (!view.opened) return false;
  const at = Math.min(Number(view.slider.max), Math.max(0, look.at + slices));
  const moved = at !== look.at;
  if (moved) change({ at });
  return moved;
}

/** Paint all panels before the next frame, once, however often it is asked for. */
function repaint() {
  if (view.waiting || !view.opened) return;
  view.waiting = true;
  requestAnimationFrame(() => {
    view.waiting = false;
    const { opened } = view;
    const axis = planes[look.plane][2];
    const sampled = axis < 2 ? opened.step : 1;
    view.slider.value = look.at;
    view.output.textContent = `${'xyz'[axis]} ${opened.start[axis] + look.at * sampled} (${look.at + 1} of ${opened.shape[axis]})`;
    view.legend.textContent = legendText();
    for (const panel of view.panels) {
      if (!panel.button.hidden) paintPanel(panel.canvas, opened, opened.predictions.get(panel.variant), look);
    }
  });
}

function legendText() {
  if (look.mode === 'errors') return 'Red: predicted, but another class in the label. Blue: missed.';
  const names = data.classes.slice(1);
  const colours = ['orange', 'violet', 'green', 'yellow', 'pink', 'turquoise'];
  const classes = names.map((name, place) => `${name} ${colours[place % colours.length]}`).join(', ');
  return `Label blue; prediction ${names.length ? classes : 'orange'}. Wheel, arrow keys or a sideways swipe scroll; a click enlarges.`;
}

function startScrolling(holder) {
  let turned = 0;
  holder.addEventListener('wheel', (event) => {
    if (event.ctrlKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) return;
    turned += event.deltaMode === 0 ? event.deltaY : event.deltaY * 40;
    const slices = Math.trunc(turned / 40);
    turned -= slices * 40;
    // At either end the page scrolls on.
    const stays = slices === 0 ? look.at > 0 && look.at < Number(view.slider.max) : scrollBy(slices);
    if (stays) event.preventDefault();
  }, { passive: false });
  holder.addEventListener('keydown', (event) => {
    const steps = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 5, PageDown: -5, Home: -1e9, End: 1e9 };
    if (event.key === 'Escape' && look.large !== null) enlarge(look.large);
    if (!(event.key in steps)) return;
    scrollBy(steps[event.key]);
    event.preventDefault();
  });
  let from = null;
  holder.addEventListener('pointerdown', (event) => {
    view.dragged = false;
    from = event.pointerType === 'mouse' ? null : event.clientX;
  });
  holder.addEventListener('pointermove', (event) => {
    if (from === null) return;
    const slices = Math.trunc((event.clientX - from) / 8);
    if (slices === 0) return;
    view.dragged = true;
    from += slices * 8;
    scrollBy(slices);
  });
  for (const end of ['pointerup', 'pointercancel']) holder.addEventListener(end, () => { from = null; });
}
