// The frame without anything to see: it only speaks with the API.
tell("loaded");
