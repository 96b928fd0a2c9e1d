// The pages work without this. With it addresses stay short, what lies over the page closes with Escape, and a customer
// can be printed by a button.
"use strict";
for (const form of document.querySelectorAll("form.filters")) {
  form.addEventListener("formdata", ({formData}) => {
    // what is not asked for stays out of the address, so that it can be kept and sent on
    for (const field of form.querySelectorAll("[data-usual]")) {
      if (field.value === field.dataset.usual) formData.delete(field.name);
    }
    const columns = [...form.querySelectorAll("input[name=columns]")];
    if (columns.every((box) => box.checked === box.defaultChecked) && !location.search.includes("columns=")) {
      formData.delete("columns");
    }
  });
}
document.addEventListener("click", ({target}) => {
  for (const pick of document.querySelectorAll("details.pick[open]")) if (!pick.contains(target)) pick.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const pick = document.activeElement.closest("details.pick[open]");
  if (pick) {
    pick.open = false;
    pick.querySelector("summary").focus();
  }
  for (const term of document.querySelectorAll(".term:hover, .term:focus")) term.classList.add("told");
});
for (const term of document.querySelectorAll(".term")) {
  for (const again of ["mouseenter", "focus"]) term.addEventListener(again, () => term.classList.remove("told"));
}
for (const usual of document.querySelectorAll(".what-if input[name=usual]")) {
  usual.addEventListener("change", () => {
    for (const field of usual.closest("fieldset").querySelectorAll("input[type=number]")) field.disabled = usual.checked;
  });
}
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
