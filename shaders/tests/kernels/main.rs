//! Every kernel variant against loops on the host, on a Vulkan device, and against naga's validator.

mod arithmetic;
mod attention;
mod case;
mod contract;
mod device;
mod files;
mod order;
mod pointwise;
mod reduce;
mod refused;
mod snapshots;
