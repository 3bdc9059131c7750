//! Answers that a callback of wgpu brings.

use crate::sync::lock;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

struct State<T> {
    answer: Option<T>,
    waker: Option<Waker>,
}

/// The end that the callback holds.
pub(crate) struct Sender<T>(Arc<Mutex<State<T>>>);

/// The end that waits.
pub(crate) struct Receiver<T> {
    state: Arc<Mutex<State<T>>>,
    /// Makes the device progress until the callback ran; `None` in a browser, where the event loop does that.
    drive: Option<Box<dyn FnOnce() + Send>>,
}

/// A callback's answer. `drive` is called at most once, when the answer is awaited and not there yet; it may block.
pub(crate) fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let state = Arc::new(Mutex::new(State { answer: None, waker: None }));
    (Sender(state.clone()), Receiver { state, drive: None })
}

impl<T> Sender<T> {
    pub(crate) fn send(self, answer: T) {
        let mut state = lock(&self.0);
        state.answer = Some(answer);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Receiver<T> {
    /// Calls `drive` when the answer is awaited and not there yet. If it is still missing then, it never comes.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn driven_by(self, drive: impl FnOnce() + Send + 'static) -> Receiver<T> {
        Receiver { drive: Some(Box::new(drive)), ..self }
    }
}

impl<T> Future for Receiver<T> {
    /// `None` when the callback will never be called.
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let mut state = lock(&self.state);
        if let Some(answer) = state.answer.take() {
            return Poll::Ready(Some(answer));
        }
        state.waker = Some(context.waker().clone());
        drop(state);
        match self.drive.take() {
            Some(drive) => {
                drive();
                Poll::Ready(lock(&self.state).answer.take())
            }
            None => Poll::Pending,
        }
    }
}
