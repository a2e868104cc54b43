// Loads the charts' script once; it is a plain one that makes itself known as Radzen.
let loading;

export function load(source) {
  loading ??= globalThis.Radzen
    ? Promise.resolve()
    : new Promise((resolve, reject) => {
        const script = document.createElement("script");
        script.src = source;
        script.onload = resolve;
        script.onerror = () => reject(new Error(`${source} was not loaded`));
        document.head.append(script);
      });
  return loading;
}
