//! Device memory: what a planned training step needs beside one that is run op by op, and what happens when memory runs out.

mod eager;
#[path = "../fresh_devices/mod.rs"]
mod fresh_devices;
mod limit;
mod planned;

use fresh_devices::devices;
