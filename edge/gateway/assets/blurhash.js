// Paints a blurhash (https://blurha.sh): a few cosine waves per colour, packed in base 83.

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~";

const number = (text) => [...text].reduce((sum, digit) => sum * 83 + DIGITS.indexOf(digit), 0);
const toLinear = (byte) => {
  const v = byte / 255;
  return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
};
const toByte = (linear) => {
  const v = Math.min(1, Math.max(0, linear));
  return Math.round(255 * (v <= 0.0031308 ? v * 12.92 : 1.055 * v ** (1 / 2.4) - 0.055));
};
const signedSquare = (v) => Math.sign(v) * v * v;

function waves(hash) {
  const size = number(hash[0]);
  const [across, down] = [(size % 9) + 1, Math.floor(size / 9) + 1];
  if (hash.length !== 4 + 2 * across * down) return null;
  const peak = (number(hash[1]) + 1) / 166;
  const colours = [];
  for (let i = 0; i < across * down; i += 1) {
    if (i === 0) {
      const rgb = number(hash.slice(2, 6));
      colours.push([rgb >> 16, (rgb >> 8) & 255, rgb & 255].map(toLinear));
    } else {
      const v = number(hash.slice(4 + i * 2, 6 + i * 2));
      colours.push([Math.floor(v / 361), Math.floor(v / 19) % 19, v % 19]
        .map((part) => signedSquare((part - 9) / 9) * peak));
    }
  }
  return { across, down, colours };
}

/** A canvas of 32 x 32 points with the hash painted on it; null if it is none. */
export function paint(hash) {
  const parts = hash && hash.length >= 6 ? waves(hash) : null;
  if (!parts) return null;
  const canvas = document.createElement("canvas");
  const side = 32;
  canvas.width = side;
  canvas.height = side;
  const context = canvas.getContext("2d");
  const image = context.createImageData(side, side);
  for (let y = 0; y < side; y += 1) {
    for (let x = 0; x < side; x += 1) {
      const sum = [0, 0, 0];
      for (let j = 0; j < parts.down; j += 1) {
        for (let i = 0; i < parts.across; i += 1) {
          const weight = Math.cos(Math.PI * x * i / side) * Math.cos(Math.PI * y * j / side);
          parts.colours[j * parts.across + i].forEach((c, k) => { sum[k] += c * weight; });
        }
      }
      image.data.set([...sum.map(toByte), 255], 4 * (y * side + x));
    }
  }
  context.putImageData(image, 0, 0);
  canvas.setAttribute("aria-hidden", "true");
  return canvas;
}
