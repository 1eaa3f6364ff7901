// The triangles of the face chart on a canvas. It stands before chart.js, in one module.

const GREY = 0xff9e9e9e; // of a value that is no number

const bytes = (view, Kind) => new Kind(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
const clamp = (x, low, high) => Math.min(Math.max(x, low), high);

// Colours the triangles by one byte a vertex, blended across each as the graphics card does on the face.
// xy: two numbers a vertex, in the picture's own pixels; palette: 255 colours; the byte 255 is no number.
function fillTriangles(canvas, size, xy, faces, values, palette) {
  const n = canvas.width,
    scale = n / size;
  const picture = new ImageData(n, n),
    out = new Uint32Array(picture.data.buffer);
  for (let f = 0; f < faces.length; f += 3) {
    const a = faces[f],
      b = faces[f + 1],
      c = faces[f + 2];
    const ax = xy[2 * a] * scale,
      ay = xy[2 * a + 1] * scale;
    const bx = xy[2 * b] * scale - ax,
      by = xy[2 * b + 1] * scale - ay;
    const cx = xy[2 * c] * scale - ax,
      cy = xy[2 * c + 1] * scale - ay;
    const area = bx * cy - cx * by;
    const va = values[a],
      vb = values[b] - va,
      vc = values[c] - va;
    const grey = va === 255 || values[b] === 255 || values[c] === 255;
    const right = Math.min(n - 1, Math.ceil(ax + Math.max(0, bx, cx)));
    const low = Math.min(n - 1, Math.ceil(ay + Math.max(0, by, cy)));
    for (let y = Math.max(0, Math.floor(ay + Math.min(0, by, cy))); y <= low; y++) {
      for (let x = Math.max(0, Math.floor(ax + Math.min(0, bx, cx))); x <= right; x++) {
        const px = x + 0.5 - ax,
          py = y + 0.5 - ay;
        const wb = (px * cy - cx * py) / area,
          wc = (bx * py - px * by) / area;
        if (wb >= -1e-6 && wc >= -1e-6 && wb + wc <= 1 + 1e-6) {
          out[y * n + x] = grey ? GREY : palette[clamp(Math.round(va + vb * wb + vc * wc), 0, 254)];
        }
      }
    }
  }
  canvas.getContext("2d").putImageData(picture, 0, 0);
}

function drawEdges(canvas, size, xy, faces, opacity) {
  const pen = canvas.getContext("2d");
  pen.setTransform(canvas.width / size, 0, 0, canvas.width / size, 0, 0);
  pen.clearRect(0, 0, size, size);
  pen.beginPath();
  for (let i = 0; i < faces.length; i++) {
    const a = faces[i],
      b = faces[i % 3 === 2 ? i - 2 : i + 1];
    pen.moveTo(xy[2 * a], xy[2 * a + 1]);
    pen.lineTo(xy[2 * b], xy[2 * b + 1]);
  }
  pen.strokeStyle = `rgba(25,35,50,${opacity})`;
  pen.lineWidth = 0.5;
  pen.stroke();
}
