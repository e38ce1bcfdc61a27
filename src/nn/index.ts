export { identityTap, parameters, tapFrom, withParameters, type Module, type Site, type Slot, type Tap } from "./module.ts";
