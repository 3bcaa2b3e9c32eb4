import { createApp } from "./app.js";

document.body.append(createApp(new URL("graphql", window.location.href.replace(/[?#].*$/, "")).href));
