// One slice with what is outlined in it, on a canvas.

const classColours = ['#ff7a1a', '#c58bff', '#5fd38d', '#ffd34d', '#ff6f9c', '#4dd0e1'];
const referenceColour = '#56b4e9';
const missedColour = '#4aa3ff';
const addedColour = '#ff5a36';
const classColour = (label) => classColours[(label - 1) % classColours.length];

/** Return a canvas of one pixel a voxel. */
function pixels({ width, height, values }, paint) {
  const canvas = make('canvas', { width, height });
  const context = canvas.getContext('2d');
  const image = context.createImageData(width, height);
  const target = new Uint32Array(image.data.buffer);
  for (let at = 0; at < values.length; at += 1) target[at] = paint(values[at], at);
  context.putImageData(image, 0, 0);
  return canvas;
}

/** Return a colour as a canvas stores it; bytes are red, green, blue, alpha on all machines that run browsers today. */
function packed(hex, alpha) {
  const number = parseInt(hex.slice(1), 16);
  return ((alpha << 24) | ((number & 255) << 16) | (number & 0xff00) | (number >> 16)) >>> 0;
}

/** Trace the borders of a label along the edges of its pixels. */
function trace(context, { width, height, values }, label, scaleX, scaleY) {
  const inside = (column, row) => column >= 0 && row >= 0 && column < width && row < height && values[row * width + column] === label;
  context.beginPath();
  for (let row = 0; row <= height; row += 1) {
    for (let column = 0; column <= width; column += 1) {
      const here = inside(column, row);
      if (here !== inside(column, row - 1)) {
        context.moveTo(column * scaleX, row * scaleY);
        context.lineTo((column + 1) * scaleX, row * scaleY);
      }
      if (here !== inside(column - 1, row)) {
        context.moveTo(column * scaleX, row * scaleY);
        context.lineTo(column * scaleX, (row + 1) * scaleY);
      }
    }
  }
  context.stroke();
}

/** Draw a slice; `look` tells the mode and which of both masks are on. */
function paintPanel(canvas, shownCase, prediction, { plane, at, mode, predictionOn, referenceOn }) {
  const { shape, spacing } = shownCase;
  const [first, second] = planes[plane];
  const ratio = window.devicePixelRatio || 1;
  const wide = Math.max(1, canvas.parentElement.clientWidth);
  const image = cut(shownCase.image, shape, plane, at);
  canvas.width = Math.round(wide * ratio);
  canvas.height = Math.max(1, Math.round((wide * ratio * image.height * spacing[second]) / (image.width * spacing[first])));
  const context = canvas.getContext('2d');
  const lay = (layer, smooth) => {
    context.imageSmoothingEnabled = smooth;
    context.drawImage(layer, 0, 0, canvas.width, canvas.height);
  };
  lay(pixels(image, (grey) => ((255 << 24) | (grey << 16) | (grey << 8) | grey) >>> 0), true);
  const found = predictionOn && prediction ? cut(prediction, shape, plane, at) : null;
  const truth = referenceOn && shownCase.reference ? cut(shownCase.reference, shape, plane, at) : null;
  if (mode === 'errors' && prediction && shownCase.reference) {
    const right = cut(shownCase.reference, shape, plane, at).values;
    const added = packed(addedColour, 190);
    const missed = packed(missedColour, 190);
    const errors = (label, place) => (label === right[place] ? 0 : label ? added : missed);
    lay(pixels(cut(prediction, shape, plane, at), errors), false);
    return;
  }
  const labels = Array.from({ length: shownCase.labels - 1 }, (_, place) => place + 1);
  if (mode === 'filled' && found) {
    const colours = [0, ...labels.map((label) => packed(classColour(label), 130))];
    lay(pixels(found, (label) => colours[label]), false);
  }
  const [scaleX, scaleY] = [canvas.width / image.width, canvas.height / image.height];
  context.lineCap = 'square';
  if (truth) {
    context.strokeStyle = referenceColour;
    context.lineWidth = 2 * ratio;
    for (const label of labels) trace(context, truth, label, scaleX, scaleY);
  }
  if (mode === 'contours' && found) {
    context.lineWidth = 1.25 * ratio;
    for (const label of labels) {
      context.strokeStyle = classColour(label);
      trace(context, found, label, scaleX, scaleY);
    }
  }
}
