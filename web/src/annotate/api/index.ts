// The server's HTTP.

export { Client } from "./client";
export { ApiError } from "./errors";
