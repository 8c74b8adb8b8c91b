"use strict";
/* A list of series shows the panel of one of them. */
for (const pick of document.querySelectorAll("[data-pick]")) {
  const group = pick.dataset.pick;
  const show = () => document.querySelectorAll(`[data-panel^="${group} "]`).forEach((panel) => {
    panel.hidden = panel.dataset.panel !== `${group} ${pick.value}`;
  });
  pick.addEventListener("change", show);
  show();
}
