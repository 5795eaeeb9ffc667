// Dots and rings. Each kind is drawn once; its pixels are then copied into one picture, which the canvas gets as a
// whole: without a graphics card ten thousand drivers take a tenth of the time of ten thousand drawn images.
let field = null;

function blank() {
  if (!field || field.width !== canvas.width || field.height !== canvas.height) {
    const { width, height } = canvas, made = document.createElement("canvas"), image = new ImageData(Math.max(1, width), Math.max(1, height));
    made.width = width;
    made.height = height;
    field = { width, height, image, canvas: made, pen: made.getContext("2d"), pixels: new Uint32Array(image.data.buffer) };
  }
  field.pixels.fill(0);
}
function sprite(reach, ink) {
  const ratio = devicePixelRatio || 1, half = Math.ceil((reach + 1) * ratio), made = document.createElement("canvas");
  made.width = made.height = 2 * half;
  const pen = made.getContext("2d", { willReadFrequently: true });
  pen.translate(half, half);
  pen.scale(ratio, ratio);
  ink(pen);
  return { half, ratio, pixels: new Uint32Array(pen.getImageData(0, 0, 2 * half, 2 * half).data.buffer) };
}
function dot(size, colour) {
  return sprite(size + 0.5, (pen) => {
    pen.fillStyle = colour;
    pen.strokeStyle = colours.paper;
    pen.arc(0, 0, size, 0, 7);
    pen.fill();
    pen.stroke();
  });
}
function ring(size, colour, width) {
  return sprite(size + width / 2, (pen) => {
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.arc(0, 0, size, 0, 7);
    pen.stroke();
  });
}
function stamp(one, x, y) {
  const { half, ratio, pixels } = one, size = 2 * half, left = Math.round(x * ratio) - half, top = Math.round(y * ratio) - half;
  if (!(left >= 0 && top >= 0 && left + size <= field.width && top + size <= field.height)) return;
  const to = field.pixels;
  for (let row = 0, from = 0; row < size; row++) {
    for (let at = (top + row) * field.width + left, end = at + size; at < end; at++, from++) {
      const pixel = pixels[from];
      // An edge that is half there must not make a hole into what lies under it.
      if (pixel >>> 24 > 127 || (pixel && !to[at])) to[at] = pixel;
    }
  }
}
function lay(width, height) {
  field.pen.putImageData(field.image, 0, 0);
  pen.drawImage(field.canvas, 0, 0, width, height);
}
