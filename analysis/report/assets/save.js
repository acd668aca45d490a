// Charts as files: a picture that stands alone, with the look that the page gives it.

const kept = ['fill', 'stroke', 'stroke-width', 'stroke-dasharray', 'stroke-linejoin', 'opacity', 'font-size', 'font-weight'];

/** Copy a chart with its styles as attributes, without what only answers a pointer. */
function standing(svg) {
  const copy = svg.cloneNode(true);
  const [from, to] = [[...svg.querySelectorAll('*')], [...copy.querySelectorAll('*')]];
  from.forEach((element, place) => {
    const look = getComputedStyle(element);
    for (const name of kept) {
      const value = look.getPropertyValue(name);
      if (value && (name === 'fill' || value !== 'none')) to[place].setAttribute(name, value);
    }
    for (const name of ['class', 'color', 'tabindex', 'role', 'aria-label']) to[place].removeAttribute(name);
  });
  to.forEach((element, place) => {
    const hidden = from[place].matches('.hit, [visibility="hidden"]');
    if (hidden) element.remove();
  });
  return copy;
}

/** Return a chart as a picture of its own: title above, legend and note below, on the page's ground. */
function picture({ title, note, svg, legend }) {
  const page = getComputedStyle(document.documentElement);
  const [, , width, height] = svg.getAttribute('viewBox').split(' ').map(Number);
  const inside = standing(svg);
  const edge = 16;
  const colours = { text: page.getPropertyValue('--text').trim(), soft: page.getPropertyValue('--soft').trim(), ground: page.getPropertyValue('--page').trim() };
  const resolved = (value) => value.replace(/var\((--[a-z0-9]+)\)/, (_, name) => page.getPropertyValue(name).trim());
  const parts = [];
  let y = edge;
  const say = (text, size, weight, fill) => {
    for (const line of wrapped(text, width, size, weight)) {
      y += size * 1.4;
      parts.push(draw('text', { x: edge, y: y - size * 0.4, 'font-size': size, 'font-weight': weight, fill, text: line }));
    }
  };
  say(title, 16, 650, colours.text);
  y += 8;
  inside.setAttribute('x', edge);
  inside.setAttribute('y', y);
  inside.setAttribute('width', width);
  inside.setAttribute('overflow', 'visible');
  for (const name of ['class', 'role', 'aria-label']) inside.removeAttribute(name);
  parts.push(inside);
  y += height + 8;
  let x = edge;
  if (legend.length) y += 18;
  for (const { name, colour: of, dash } of legend) {
    const lines = wrapped(name, width - 30, 12.5);
    const long = Math.max(...lines.map((line) => textWidth(line, 12.5))) + 46;
    if (x > edge && x + long > width) [x, y] = [edge, y + 20];
    parts.push(draw('line', { x1: x, x2: x + 24, y1: y - 4, y2: y - 4, stroke: resolved(of), 'stroke-width': 2.5, 'stroke-dasharray': dash || null }));
    lines.forEach((text, row) => parts.push(draw('text', { x: x + 30, y: y + 17 * row, 'font-size': 12.5, fill: colours.text, text })));
    y += 17 * (lines.length - 1);
    x = lines.length > 1 ? edge + width : x + long;
  }
  if (legend.length) y += 10;
  say(note, 12, 400, colours.soft);
  const [wide, high] = [width + 2 * edge, Math.ceil(y + edge)];
  return draw('svg', { xmlns: 'http://www.w3.org/2000/svg', width: wide, height: high, viewBox: `0 0 ${wide} ${high}`, 'font-family': getComputedStyle(document.body).fontFamily },
    draw('title', { text: title }), draw('rect', { width: wide, height: high, fill: colours.ground }), ...parts);
}

const svgText = (element) => `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(element)}\n`;

/** Let the browser keep a file. */
function keep(content, name) {
  const link = make('a', { href: URL.createObjectURL(content), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Paint a picture at twice its size and return it as PNG. */
async function asPng(element) {
  const source = URL.createObjectURL(new Blob([svgText(element)], { type: 'image/svg+xml' }));
  const image = new Image();
  await new Promise((done, failed) => {
    image.onload = done;
    image.onerror = () => failed(new Error('this browser can not paint it'));
    image.src = source;
  });
  const canvas = make('canvas', { width: 2 * element.getAttribute('width'), height: 2 * element.getAttribute('height') });
  canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(source);
  return new Promise((done) => { canvas.toBlob(done, 'image/png'); });
}

/** Return the buttons that save a chart; `current` tells what it shows now. */
function saveButtons(title, current) {
  const sweep = document.querySelector('h1').textContent;
  const name = `${sweep}-${title}`.replace(/[^\p{L}\p{N}.=]+/gu, '-').replace(/^[-.]+|[-.]+$/g, '').slice(0, 80);
  const button = (kind, save) => make('button', { type: 'button', text: kind, title: `Save this chart as ${kind}`, 'aria-label': `Save as ${kind}: ${title}`, onclick: save });
  return make('span', { class: 'save' },
    button('SVG', () => keep(new Blob([svgText(picture(current()))], { type: 'image/svg+xml' }), `${name}.svg`)),
    button('PNG', async () => keep(await asPng(picture(current())), `${name}.png`)));
}
