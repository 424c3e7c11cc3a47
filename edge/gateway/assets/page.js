// What all parts of the page share: elements, messages, pictures.

import { paint } from "/blurhash.js";

export const $ = (id) => document.getElementById(id);

export const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

export function say(text, good = false) {
  $("message").textContent = text;
  $("message").classList.toggle("good", good);
  $("message").hidden = !text;
}

/** Runs what a form asks for; its buttons rest meanwhile, and what fails is said. */
export async function attempt(form, work) {
  say("");
  const buttons = form ? [...form.querySelectorAll("button")] : [];
  buttons.forEach((button) => { button.disabled = true; });
  try {
    return await work();
  } catch (error) {
    say(error.message);
    return null;
  } finally {
    buttons.forEach((button) => { button.disabled = false; });
  }
}

/** A picture in its proportions, its blurhash in the place until it is loaded. */
export function picture(shown, alt, kind = "") {
  const frame = make("div", { className: `frame ${kind}` });
  if (kind !== "avatar" && shown.width) {
    frame.style.aspectRatio = `${shown.width} / ${shown.height}`;
    frame.style.maxWidth = `${24 * shown.width / shown.height}rem`;
  }
  const canvas = paint(shown.blurhash);
  if (canvas) frame.append(canvas);
  const image = make("img", { alt, decoding: "async" });
  image.onload = () => image.classList.add("loaded");
  image.src = shown.preview_url ?? shown.url;
  frame.append(image);
  return frame;
}
