// The pages work without this; with it a choice shows at once, and a customer can be printed by a button.
"use strict";
for (const form of document.querySelectorAll("form.filters")) {
  form.addEventListener("change", (event) => {
    if (event.target.matches("select, input[name=reverse]")) form.requestSubmit();
  });
  form.addEventListener("submit", () => {
    // what is not asked for stays out of the address, so that it can be kept and sent on
    for (const field of form.querySelectorAll("select, input[type=search]")) {
      if (field.value === "" || (field.name === "sort" && field.selectedIndex === 0)) field.disabled = true;
    }
    const columns = [...form.querySelectorAll("input[name=columns]")];
    if (columns.every((box) => box.checked === box.defaultChecked) && !location.search.includes("columns=")) {
      for (const box of columns) box.disabled = true;
    }
  });
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
