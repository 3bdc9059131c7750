//! `Send` and `Sync` where threads exist, nothing in a browser.

use std::future::Future;
use std::pin::Pin;

#[cfg(not(target_arch = "wasm32"))]
mod bounds {
    /// `Send` on native targets, no bound in a browser.
    pub trait MaybeSend: Send {}
    impl<T: Send + ?Sized> MaybeSend for T {}
    /// `Sync` on native targets, no bound in a browser.
    pub trait MaybeSync: Sync {}
    impl<T: Sync + ?Sized> MaybeSync for T {}
}
#[cfg(target_arch = "wasm32")]
mod bounds {
    /// `Send` on native targets, no bound in a browser.
    pub trait MaybeSend {}
    impl<T: ?Sized> MaybeSend for T {}
    /// `Sync` on native targets, no bound in a browser.
    pub trait MaybeSync {}
    impl<T: ?Sized> MaybeSync for T {}
}
pub use bounds::{MaybeSend, MaybeSync};

use crate::DeviceError;

/// What a device answers later. Native code may block on it; a browser must await it.
#[cfg(not(target_arch = "wasm32"))]
pub type DeviceFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, DeviceError>> + Send + 'a>>;
/// What a device answers later. Native code may block on it; a browser must await it.
#[cfg(target_arch = "wasm32")]
pub type DeviceFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, DeviceError>> + 'a>>;
