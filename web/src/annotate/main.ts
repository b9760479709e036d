// The annotation tool.

import { mount } from "svelte";
import { keepPage } from "./kept-page";
import App from "./ui/App.svelte";

await keepPage();
mount(App, { target: document.body });
