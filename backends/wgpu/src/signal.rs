//! Answers that a callback of wgpu brings.

use hadal_launch::lock;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

struct State<T> {
    answer: Answer<T>,
    waker: Option<Waker>,
}

enum Answer<T> {
    Awaited,
    Given(T),
    /// The callback was dropped without a call.
    Never,
}

/// The end that the callback holds.
pub(crate) struct Sender<T>(Arc<Mutex<State<T>>>);

/// The end that waits.
pub(crate) struct Receiver<T> {
    state: Arc<Mutex<State<T>>>,
    /// Makes the device progress until the work is done, and says whether it got there; `None` in a browser, where the event loop does that.
    drive: Option<Box<dyn FnOnce() -> bool + Send>>,
}

/// A callback's answer.
pub(crate) fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let state = Arc::new(Mutex::new(State { answer: Answer::Awaited, waker: None }));
    (Sender(state.clone()), Receiver { state, drive: None })
}

impl<T> Sender<T> {
    pub(crate) fn send(self, answer: T) {
        lock(&self.0).answer = Answer::Given(answer);
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        if matches!(state.answer, Answer::Awaited) {
            state.answer = Answer::Never;
        }
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Receiver<T> {
    /// Calls `drive` once, when the answer is awaited and not there yet. It may block, and gives `false` when the answer will never come.
    ///
    /// The work being done does not mean that the callback has run: wgpu hands callbacks to whichever thread sees first that the work is done.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn driven_by(self, drive: impl FnOnce() -> bool + Send + 'static) -> Receiver<T> {
        Receiver { drive: Some(Box::new(drive)), ..self }
    }
}

impl<T> Future for Receiver<T> {
    /// `None` when the callback will never be called.
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        loop {
            let mut state = lock(&self.state);
            match std::mem::replace(&mut state.answer, Answer::Awaited) {
                Answer::Given(answer) => return Poll::Ready(Some(answer)),
                Answer::Never => return Poll::Ready(None),
                Answer::Awaited => state.waker = Some(context.waker().clone()),
            }
            drop(state);
            match self.drive.take().map(|drive| drive()) {
                Some(true) => {}
                Some(false) => return Poll::Ready(None),
                None => return Poll::Pending,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_another_thread_brings_after_the_wait_arrives() {
        let (sender, receiver) = channel();
        let (done, work) = std::sync::mpsc::channel();
        let receiver = receiver.driven_by(move || done.send(()).is_ok());
        std::thread::scope(|scope| {
            scope.spawn(move || {
                work.recv().unwrap();
                std::thread::sleep(std::time::Duration::from_millis(20));
                sender.send(7);
            });
            assert_eq!(pollster::block_on(receiver), Some(7));
        });
    }

    #[test]
    fn a_callback_that_is_dropped_and_a_device_that_fails_are_no_answer() {
        let (sender, receiver) = channel::<u8>();
        drop(sender);
        assert_eq!(pollster::block_on(receiver), None);
        let (_sender, receiver) = channel::<u8>();
        assert_eq!(pollster::block_on(receiver.driven_by(|| false)), None);
    }
}
