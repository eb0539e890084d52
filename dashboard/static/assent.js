// Everything here only makes the pages quicker and calmer to use. What may be decided, and by whom, the server says.
document.documentElement.classList.add("js");

import "./clock.js";
import "./live.js";
import "./guards.js";
import "./comments.js";
import "./queue.js";
import "./approval.js";
import "./keys.js";
import "./conveniences.js";
