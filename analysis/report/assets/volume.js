// Decoding of a case: slices from one picture, masks from deflated run lengths. Volumes have x fastest, then y, then z.

const fromBase64 = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/** Return a case's grey values from the picture that holds its slices side by side. */
async function decodeImage(text, [sx, sy, sz], columns) {
  const picture = await createImageBitmap(new Blob([fromBase64(text)], { type: 'image/webp' }));
  const canvas = make('canvas', { width: picture.width, height: picture.height });
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  picture.close();
  const volume = new Uint8Array(sx * sy * sz);
  for (let z = 0; z < sz; z += 1) {
    const tile = context.getImageData((z % columns) * sx, Math.floor(z / columns) * sy, sx, sy).data;
    for (let at = 0; at < sx * sy; at += 1) volume[z * sx * sy + at] = tile[4 * at];
  }
  return volume;
}

/** Return a mask's labels; each number of the stream is length * labels + label, seven bits a byte, the lowest first. */
async function decodeMask(text, [sx, sy, sz], labels) {
  const stream = new Blob([fromBase64(text)]).stream().pipeThrough(new DecompressionStream('deflate'));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const volume = new Uint8Array(sx * sy * sz);
  let [number, factor, at] = [0, 1, 0];
  for (const byte of bytes) {
    number += (byte & 127) * factor;
    factor *= 128;
    if (byte < 128) {
      const end = at + Math.floor(number / labels);
      volume.fill(number % labels, at, end);
      [number, factor, at] = [0, 1, end];
    }
  }
  return volume;
}

/** Return a case with all of its volumes. */
async function decodeCase(place) {
  const facts = data.browser.cases[place];
  const parts = JSON.parse(document.getElementById(`picture-${place}`).textContent);
  const mask = (text) => decodeMask(text, facts.shape, facts.labels);
  const [image, reference, ...predictions] = await Promise.all([
    decodeImage(parts.image, facts.shape, facts.columns),
    parts.reference === null ? null : mask(parts.reference),
    ...Object.values(parts.predictions).map(mask),
  ]);
  const names = Object.keys(parts.predictions);
  return { ...facts, image, reference, predictions: new Map(names.map((name, at) => [name, predictions[at]])) };
}

const planes = { 'x-y': [0, 1, 2], 'x-z': [0, 2, 1], 'y-z': [1, 2, 0] };

/** Cut a plane out of a volume: rows from the top, that is from the end of its second axis. */
function cut(volume, shape, plane, at) {
  const [first, second, across] = planes[plane];
  const strides = [1, shape[0], shape[0] * shape[1]];
  const [width, height] = [shape[first], shape[second]];
  const found = new Uint8Array(width * height);
  for (let row = 0; row < height; row += 1) {
    let from = at * strides[across] + (height - 1 - row) * strides[second];
    for (let column = 0; column < width; column += 1, from += strides[first]) found[row * width + column] = volume[from];
  }
  return { width, height, values: found };
}

/** Return the slice across a plane that holds most of a mask; the middle one where it is empty. */
function fullestSlice(volume, shape, plane) {
  const across = planes[plane][2];
  const counts = new Array(shape[across]).fill(0);
  const stride = [1, shape[0], shape[0] * shape[1]][across];
  for (let at = 0; volume && at < volume.length; at += 1) if (volume[at]) counts[Math.floor(at / stride) % shape[across]] += 1;
  const most = Math.max(...counts);
  return most > 0 ? counts.indexOf(most) : Math.floor(shape[across] / 2);
}
