"use strict";(()=>{try{let e=localStorage.getItem("persona-theme");(e==="light"||e==="dark")&&(document.documentElement.dataset.bsTheme=e)}catch{}})();
