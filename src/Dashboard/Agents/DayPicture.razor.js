// Wheel, pointer and keys of the picture. The service draws; here is only what it cannot know: where the pointer is.
const keys = new Set(["ArrowLeft", "ArrowRight", "Home", "End", "+", "=", "-", "0"]);

export function attach(chart, picture) {
  const drawing = chart.querySelector("svg");
  const end = new AbortController();
  const { signal } = end;
  // One question at a time; turns of the wheel meanwhile add up.
  let asking = false;
  let turned = { factor: 1, share: 0, place: 0.5 };

  const placeOf = (pointer) => {
    const box = drawing.getBoundingClientRect();
    return Math.min(1, Math.max(0, (pointer.clientX - box.left) / box.width));
  };

  async function turn() {
    if (asking) return;
    asking = true;
    while (turned.factor !== 1 || turned.share !== 0) {
      const { factor, share, place } = turned;
      turned = { factor: 1, share: 0, place };
      await picture.invokeMethodAsync("WheelAsync", factor, place, share);
    }
    asking = false;
  }

  chart.addEventListener(
    "wheel",
    (wheel) => {
      // A page is scrolled over the picture as anywhere, unless somebody is in it or asks for it.
      if (!wheel.ctrlKey && document.activeElement !== chart) return;
      wheel.preventDefault();
      turned.place = placeOf(wheel);
      if (wheel.shiftKey || Math.abs(wheel.deltaX) > Math.abs(wheel.deltaY)) turned.share += (wheel.deltaX || wheel.deltaY) / 1000;
      else turned.factor *= Math.exp(wheel.deltaY / 400);
      turn();
    },
    { passive: false, signal },
  );
  chart.addEventListener(
    "keydown",
    (key) => {
      if (key.target !== chart || key.ctrlKey || key.altKey || key.metaKey || !keys.has(key.key)) return;
      key.preventDefault();
      picture.invokeMethodAsync("KeyAsync", key.key, key.shiftKey);
    },
    { signal },
  );
  drawing.addEventListener("click", (click) => picture.invokeMethodAsync("ClickAsync", placeOf(click)), { signal });
  chart.dataset.listens = "";
  return { detach: () => end.abort() };
}
