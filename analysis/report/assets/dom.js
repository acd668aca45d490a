// Small means: elements, numbers, and the page's data.

const data = JSON.parse(document.getElementById('data').textContent);

/** Make an HTML element; `on…` attributes are listeners, `text` is its text. */
function make(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** Make an SVG element. */
function draw(name, attributes = {}, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (key === 'text') element.textContent = value;
    else if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else if (key.startsWith('--')) element.style.setProperty(key, value);
    else if (value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

/** Write a number with two decimals, more of them where it is small; a missing one as a dash. */
function shown(value, sign = false) {
  if (value === null || value === undefined) return '-';
  const small = value !== 0 && Math.abs(value) < 0.1;
  const text = small ? Number(value.toPrecision(2)).toString() : value.toFixed(2);
  return (sign && value > 0 ? '+' : '') + text.replace('-', '\u2212');
}

/** Write a p-value after its name. */
function pText(p) {
  return /^[<>]/.test(p) ? `p ${p[0]} ${p.slice(1)}` : `p = ${p}`;
}

const colour = (place) => `var(--c${place % 8})`;

/** Return a variant's colour: that of text for the reference, the others in turns. */
function variantColour(name) {
  if (name === data.reference) return 'var(--text)';
  return colour(data.variants.filter((other) => other !== data.reference).indexOf(name));
}
