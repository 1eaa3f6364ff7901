// Read what stands between \( \) and \[ \] in the marked elements, and nothing else. No menu: it would load more files.
window.MathJax = {
  tex: { inlineMath: [["\\(", "\\)"]], displayMath: [["\\[", "\\]"]] },
  svg: { fontCache: "global" },
  options: { enableMenu: false, ignoreHtmlClass: "page", processHtmlClass: "math" },
};
