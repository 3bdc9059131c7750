//! Error scopes: wgpu reports errors beside the call that caused them, never as its result.
//!
//! On native targets a scope belongs to the thread and its outcome is known when it is popped, so [`check_now`] serves synchronous code. In a
//! browser the outcome arrives later: [`check`] awaits it, and what synchronous code does there is left to the handler for uncaptured
//! errors (see [`crate::health`]), which makes the next read fail.

use std::future::Future;
use std::pin::Pin;

const FILTERS: [wgpu::ErrorFilter; 3] =
    [wgpu::ErrorFilter::Internal, wgpu::ErrorFilter::Validation, wgpu::ErrorFilter::OutOfMemory];

/// The first error of an operation, once it is known.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) type Outcome = Pin<Box<dyn Future<Output = Option<wgpu::Error>> + Send>>;
/// The first error of an operation, once it is known.
#[cfg(target_arch = "wasm32")]
pub(crate) type Outcome = Pin<Box<dyn Future<Output = Option<wgpu::Error>>>>;

/// Runs `operation` and gives its result with a future of the first error it caused.
pub(crate) fn check<T>(device: &wgpu::Device, operation: impl FnOnce() -> T) -> (T, Outcome) {
    let [internal, validation, memory] = FILTERS.map(|filter| device.push_error_scope(filter));
    let result = operation();
    let (memory, validation, internal) = (memory.pop(), validation.pop(), internal.pop());
    let outcome = async move {
        let (memory, validation, internal) = (memory.await, validation.await, internal.await);
        memory.or(validation).or(internal)
    };
    (result, Box::pin(outcome))
}

/// Runs `operation` and gives its result with the first error it caused; in a browser, where that is not known yet, with `None`.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn check_now<T>(device: &wgpu::Device, operation: impl FnOnce() -> T) -> (T, Option<wgpu::Error>) {
    let (result, mut outcome) = check(device, operation);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match outcome.as_mut().poll(&mut context) {
        std::task::Poll::Ready(error) => (result, error),
        std::task::Poll::Pending => (result, None),
    }
}

/// Runs `operation` and gives its result with the first error it caused; in a browser, where that is not known yet, with `None`.
#[cfg(target_arch = "wasm32")]
pub(crate) fn check_now<T>(
    _device: &wgpu::Device,
    operation: impl FnOnce() -> T,
) -> (T, Option<wgpu::Error>) {
    (operation(), None)
}
