package ipc

// Sound is what every array of a file has to pass.
var Sound = sound
