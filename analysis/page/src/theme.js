// The switch between the reader's own theme, light and dark. Figures are told by an event, "theme" on the document, since a
// canvas does not follow the style of the page.

import { element } from "./element.js";

const CHOICES = [["auto", "As the system"], ["light", "Light"], ["dark", "Dark"]];
const KEPT_AS = "phasesweep-theme";

const changed = () => document.dispatchEvent(new Event("theme"));

function apply(choice) {
  if (choice === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = choice;
  changed();
}

// A page that is opened as a file may have no storage in some browsers.
function kept() {
  try {
    return localStorage.getItem(KEPT_AS) ?? "auto";
  } catch {
    return "auto";
  }
}

/** Puts the switch into its place. */
export function addThemeSwitch(place) {
  const choose = (choice) => {
    apply(choice);
    try {
      localStorage.setItem(KEPT_AS, choice);
    } catch {
      // The choice then lasts as long as the page is open.
    }
  };
  const select = element("select", { id: "theme-choice", change: (event) => choose(event.target.value) });
  select.append(...CHOICES.map(([value, label]) => element("option", { value }, label)));
  select.value = CHOICES.some(([value]) => value === kept()) ? kept() : "auto";
  place.append(element("label", { for: "theme-choice" }, "Theme"), select);
  apply(select.value);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
}
