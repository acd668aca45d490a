// One tooltip for pointer, touch and keyboard.

const tooltip = document.getElementById('tooltip');

function hideTooltip() {
  tooltip.hidden = true;
}

function showTooltip(text, x, y) {
  tooltip.textContent = text;
  tooltip.hidden = false;
  const box = tooltip.getBoundingClientRect();
  const left = Math.min(Math.max(8, x - box.width / 2), innerWidth - box.width - 8);
  const above = y - box.height - 12;
  tooltip.style.left = `${left}px`;
  tooltip.style.top = `${above < 8 ? y + 18 : above}px`;
}

/** Let an element tell what it stands for when it is pointed at, touched or focused. */
function tells(element, text, { enter = () => {}, leave = () => {}, open = null } = {}) {
  const show = (x, y) => {
    enter();
    showTooltip(text, x, y);
  };
  const away = () => {
    leave();
    hideTooltip();
  };
  element.setAttribute('tabindex', '0');
  element.setAttribute('role', open ? 'button' : 'img');
  element.setAttribute('aria-label', text);
  element.addEventListener('pointerenter', (event) => show(event.clientX, event.clientY));
  element.addEventListener('pointermove', (event) => showTooltip(text, event.clientX, event.clientY));
  element.addEventListener('pointerleave', away);
  element.addEventListener('focus', () => {
    const box = element.getBoundingClientRect();
    if (element.matches(':focus-visible')) show(box.left + box.width / 2, box.top);
  });
  element.addEventListener('blur', away);
  if (open) {
    element.addEventListener('click', open);
    element.addEventListener('keydown', (event) => {
      if (event.key === 'Enter') open();
    });
  }
  return element;
}

addEventListener('scroll', hideTooltip, { passive: true });
