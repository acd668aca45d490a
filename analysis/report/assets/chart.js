// A figure: caption, a chart as wide as its place that is drawn anew when that changes, and a button that saves it.

/** Prepare a figure; `paint(svg, width)` draws it and returns its height, `legend` tells what its colours stand for. */
function chart(id, title, note, paint, { above = [], legend = () => [] } = {}) {
  const figure = document.getElementById(id);
  const hint = make('span', { text: note });
  const holder = make('div');
  const current = () => ({ title, note: hint.textContent, svg: holder.firstElementChild, legend: legend() });
  const caption = make('figcaption', {}, make('strong', { text: title }), hint);
  figure.replaceChildren(saveButtons(title, current), caption, ...above, holder);
  let width = 0;
  const again = () => {
    const svg = draw('svg', { class: 'chart', role: 'img', 'aria-label': title });
    const height = paint(svg, width);
    svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    svg.setAttribute('height', height);
    holder.replaceChildren(svg);
  };
  new ResizeObserver(() => {
    const now = Math.floor(holder.clientWidth);
    if (now > 0 && now !== width) {
      width = now;
      again();
    }
  }).observe(holder);
  return { again: () => width && again(), note: (text) => { hint.textContent = text; } };
}

const ruler = document.createElement('canvas').getContext('2d');

/** Return how wide a text is, in pixels. */
function textWidth(text, size = 13.5, weight = 400) {
  ruler.font = `${weight} ${size}px ${getComputedStyle(document.body).fontFamily}`;
  return ruler.measureText(text).width;
}

/** Break a text into lines that fit: after blanks, `_`, `/`, `,`, `=` and `-`, inside a word only where it is wider than a line. */
function wrapped(text, room, size = 13.5, weight = 400) {
  const fits = (part) => textWidth(part.trimEnd(), size, weight) <= room;
  const lines = [''];
  for (const word of text.match(/[^\s_/,=-]*[\s_/,=-]+|[^\s_/,=-]+/gu) ?? ['']) {
    if (fits(lines.at(-1) + word)) lines[lines.length - 1] += word;
    else if (fits(word)) lines.push(word);
    else {
      for (const letter of word) {
        if (lines.at(-1) !== '' && !fits(lines.at(-1) + letter)) lines.push('');
        lines[lines.length - 1] += letter;
      }
    }
  }
  return lines.map((line) => line.trim()).filter((line, place) => line !== '' || place === 0);
}

const nameLine = 17;

/** Lay out rows with a name each: beside the chart where there is room, above their row on a phone. */
function rowLayout(names, width, reference = data.reference, others = []) {
  const above = width < 560;
  const weight = (name) => (name === reference ? 650 : 400);
  const widest = Math.max(...[...names, ...others].map((name) => textWidth(name, 13.5, weight(name))), 30);
  const left = above ? 8 : Math.min(width * 0.3, widest + 20);
  const lines = names.map((name) => wrapped(name, above ? width : left - 16, 13.5, weight(name)));
  const heights = lines.map((own) => (above ? own.length * nameLine + 28 : Math.max(30, own.length * nameLine + 8)));
  const tops = heights.map((_, row) => 6 + heights.slice(0, row).reduce((sum, height) => sum + height, 0));
  return {
    left, above, lines, weight,
    top: (row) => tops[row],
    height: (row) => heights[row],
    middle: (row) => (above ? tops[row] + lines[row].length * nameLine + 13 : tops[row] + heights[row] / 2),
    bottom: heights.reduce((sum, height) => sum + height, 8),
  };
}

/** Write the names of rows. */
function rowNames(svg, names, layout) {
  names.forEach((name, row) => {
    const first = layout.above ? layout.top(row) + 13 : layout.middle(row) + 4.5 - ((layout.lines[row].length - 1) * nameLine) / 2;
    const x = layout.above ? 0 : layout.left - 12;
    const lines = layout.lines[row].map((text, place) => draw('tspan', { x, y: first + place * nameLine, text }));
    const mark = layout.weight(name) > 400 ? 'name reference' : 'name';
    svg.append(draw('text', { class: mark, 'text-anchor': layout.above ? 'start' : 'end' }, ...lines));
  });
}
