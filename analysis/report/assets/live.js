// A page that is served follows the records: it asks for their stamp, and loads itself again where that has changed.

const kept_at = `simcvd ${location.pathname}`;
const poll = 3000;
const calm = 2500;

/** Return what a reader has chosen and opened, and where on the page they are. */
function standsAt() {
  const top = [...document.querySelectorAll('section, figure, .table')].filter((one) => one.id && one.getClientRects().length)
    .map((one) => [one.id, one.getBoundingClientRect().top]).filter(([, at]) => at <= innerHeight / 3).at(-1);
  return {
    place: top ?? null,
    y: scrollY,
    theme: document.documentElement.dataset.theme ?? null,
    controls: [...document.querySelectorAll('select[id], input[id]')].map((one) => [one.id, one.selectedOptions?.[0]?.text ?? one.value]),
    pressed: [...document.querySelectorAll('.chips button[aria-pressed]')].map((one) => [one.textContent, one.getAttribute('aria-pressed')]),
    toggles: ['predictionOn', 'referenceOn'].map((id) => [id, document.getElementById(id)?.getAttribute('aria-pressed') ?? null]),
    open: [...document.querySelectorAll('details')].map((one) => one.open),
    sorted: [...document.querySelectorAll('th[aria-sort]')].map((one) => [boxName(one), one.textContent, headingPlace(one), one.getAttribute('aria-sort')]),
    boxes: [...document.querySelectorAll('.wide')].map((one) => [one.getAttribute('aria-label'), one.scrollLeft]),
    case: view.opened === null ? null : { id: view.opened.id, plane: look.plane, at: look.at, large: look.large },
    focus: document.activeElement?.id || null,
  };
}

const boxName = (element) => element.closest('.wide').getAttribute('aria-label');
const headingPlace = (element) => [...element.closest('thead').querySelectorAll('th[data-type]')].indexOf(element);

/** Put a page that was just loaded to where the one before stood. */
async function stand(before) {
  if (before.theme) document.documentElement.dataset.theme = before.theme;
  for (const [id, value] of before.controls) {
    const control = document.getElementById(id);
    if (!control || ['case', 'plane', 'slice'].includes(id)) continue;
    const option = [...control.options ?? []].find((one) => one.text === value);
    if (control.options && !option) continue;
    control.value = option ? option.value : value;
    control.dispatchEvent(new Event('input'));
  }
  const chips = [...document.querySelectorAll('.chips button[aria-pressed]')];
  for (const [name, pressed] of before.pressed) {
    const chip = chips.find((one) => one.textContent === name);
    if (chip && chip.getAttribute('aria-pressed') !== pressed) chip.click();
  }
  [...document.querySelectorAll('details')].forEach((one, place) => { one.open = before.open[place] ?? one.open; });
  for (const [box, text, place, direction] of before.sorted) {
    const found = [...document.querySelectorAll('th[data-type]')].find((one) => boxName(one) === box && headingPlace(one) === place && one.textContent === text);
    for (let turns = 0; found && found.getAttribute('aria-sort') !== direction && turns < 2; turns += 1) found.querySelector('button').click();
  }
  for (const [id, pressed] of before.toggles) {
    const toggle = document.getElementById(id);
    if (toggle && pressed !== null && toggle.getAttribute('aria-pressed') !== pressed) toggle.click();
  }
  if (before.case && browserHas(before.case.id)) {
    await openCase(before.case.id);
    if (view.opened) {
      document.getElementById('plane').value = before.case.plane;
      turn(before.case.plane);
      change({ at: Math.min(before.case.at, Number(view.slider.max)) });
      if (before.case.large && view.panels.some((panel) => panel.variant === before.case.large)) enlarge(before.case.large);
    }
  }
  for (const [name, left] of before.boxes) {
    const box = [...document.querySelectorAll('.wide')].find((one) => one.getAttribute('aria-label') === name);
    if (box) box.scrollLeft = left;
  }
  if (before.focus) document.getElementById(before.focus)?.focus({ preventScroll: true });
  // Charts are drawn when their places have a width.
  const settled = () => new Promise((done) => { requestAnimationFrame(() => requestAnimationFrame(done)); });
  for (let turns = 0; turns < 3; turns += 1) {
    await settled();
    const anchor = before.place && document.getElementById(before.place[0]);
    const y = anchor ? scrollY + anchor.getBoundingClientRect().top - before.place[1] : before.y;
    scrollTo({ top: y, behavior: 'instant' });
  }
}

function startLive() {
  const own = document.body.dataset.stamp;
  if (own === undefined) return;
  const line = document.getElementById('live');
  history.scrollRestoration = 'manual';
  let [touched, newer] = [0, false];
  for (const name of ['pointerdown', 'keydown', 'wheel', 'touchmove', 'input', 'scroll']) {
    addEventListener(name, () => { touched = performance.now(); }, { passive: true, capture: true });
  }
  const store = (act) => {
    try {
      return act(sessionStorage);
    } catch {
      return null; // this browser keeps nothing
    }
  };
  const before = store((kept) => kept.getItem(kept_at));
  store((kept) => kept.removeItem(kept_at));
  const ready = before === null ? Promise.resolve() : stand(JSON.parse(before)).catch(() => {});
  const quiet = () => !document.hidden && performance.now() - touched > calm && getSelection().isCollapsed && tooltip.hidden;
  const again = () => {
    store((kept) => kept.setItem(kept_at, JSON.stringify(standsAt())));
    location.reload();
  };
  const ask = async () => {
    if (newer && quiet()) {
      again();
      return;
    }
    if (!newer && !document.hidden) {
      try {
        const answer = await fetch('stamp', { cache: 'no-store' });
        if (!answer.ok) throw new Error(String(answer.status));
        const { stamp, problem } = await answer.json();
        newer = stamp !== own;
        line.textContent = problem ?? (newer ? 'There is more; it is shown as soon as you pause.' : `Live, looked at ${new Date().toLocaleTimeString()}.`);
      } catch {
        line.textContent = 'The command that serves this page has ended; what is here stays as it is.';
      }
    }
    setTimeout(ask, newer ? 300 : poll);
  };
  ready.then(() => setTimeout(ask, poll / 3));
}
