//! Curves and numbers of a training run, live, where the terminal allows.
//!
//! The screen belongs to a thread of its own, which draws a few times a second and listens to keys; the run tells [`State`] what happens. `q` or Ctrl-C
//! asks the run to end after the step under way, with a checkpoint; a second Ctrl-C ends the process at once. The terminal becomes what it
//! was in any case: when the dashboard is dropped, when something panics, and when a signal ends the process.

mod draw;
mod state;

use crate::scratch;
use hadal::Device;
use hadal::profiler::Profile;
use hadal_train::{Callback, EpochRecord, Flow, StepRecord};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::crossterm::terminal::{self, EnterAlternateScreen, LeaveAlternateScreen};
use ratatui::crossterm::{cursor, execute};
use state::State;
use std::io::{self, IsTerminal, Stderr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Time between two pictures, and the longest that a key waits.
const PERIOD: Duration = Duration::from_millis(120);

/// Whether the screen is ours.
static SHOWN: AtomicBool = AtomicBool::new(false);

/// Whether a dashboard can be shown: all streams are a terminal that can be drawn on, and nobody said that this is no place for it.
pub(crate) fn is_possible() -> bool {
    let streams = io::stdin().is_terminal() && io::stdout().is_terminal() && io::stderr().is_terminal();
    let capable = std::env::var_os("TERM").is_none_or(|term| term != "dumb");
    streams && capable && std::env::var_os("CI").is_none()
}

/// Gives the terminal back, if it is ours.
pub(crate) fn leave() {
    if SHOWN.swap(false, Ordering::SeqCst) {
        // Nothing is left to do where the terminal does not listen.
        let _ = terminal::disable_raw_mode();
        let _ = execute!(io::stderr(), LeaveAlternateScreen, cursor::Show);
    }
}

/// A dashboard on the screen, until it is dropped.
pub(crate) struct Dashboard {
    shared: Arc<Shared>,
    device: Device,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    /// Somebody wants the run to end.
    pause: AtomicBool,
    /// The run is over.
    over: AtomicBool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Dashboard {
    /// Takes the screen. Errors: a terminal that cannot be drawn on; it is as it was then.
    pub(crate) fn open(name: &str, epochs: u64, device: &Device) -> io::Result<Dashboard> {
        let former = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            leave();
            former(panic);
        }));
        SHOWN.store(true, Ordering::SeqCst);
        let opened = terminal::enable_raw_mode()
            .and_then(|()| execute!(io::stderr(), EnterAlternateScreen, cursor::Hide))
            .and_then(|()| Terminal::new(CrosstermBackend::new(io::stderr())));
        let mut terminal = opened.inspect_err(|_| leave())?;
        let state = Mutex::new(State::new(name, &device.to_string(), epochs));
        let shared = Arc::new(Shared { state, pause: AtomicBool::new(false), over: AtomicBool::new(false) });
        let own = shared.clone();
        let spawned = std::thread::Builder::new()
            .name("dashboard".into())
            .spawn(move || show(&own, &mut terminal).unwrap_or_else(|_| leave()));
        let thread = spawned.inspect_err(|_| leave())?;
        Ok(Dashboard { shared, device: device.clone(), thread: Some(thread) })
    }

    fn flow(&self) -> Flow {
        if self.shared.pause.load(Ordering::Relaxed) { Flow::Pause } else { Flow::Continue }
    }

    fn look_at_memory(&self) {
        let memory = self.device.memory_stats();
        self.shared.state().memory = (memory.in_use, memory.peak);
    }
}

/// Draws and listens until the run is over. Errors: a terminal that is gone.
fn show(shared: &Shared, terminal: &mut Terminal<CrosstermBackend<Stderr>>) -> io::Result<()> {
    while !shared.over.load(Ordering::Relaxed) {
        terminal.draw(|frame| draw::draw(frame, &shared.state()))?;
        if !event::poll(PERIOD)? {
            continue;
        }
        // What else happens, such as another size, only needs a new picture.
        let Event::Key(key) = event::read()? else { continue };
        let interrupt = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
        if key.kind != KeyEventKind::Release && (interrupt || key.code == KeyCode::Char('q')) {
            if shared.pause.swap(true, Ordering::Relaxed) && interrupt {
                leave();
                scratch::end_interrupted();
            }
            shared.state().pausing = true;
        }
    }
    Ok(())
}

impl Callback for Dashboard {
    fn step(&mut self, record: &StepRecord) -> Flow {
        self.shared.state().step(record);
        self.look_at_memory();
        self.flow()
    }

    fn progress(&mut self, step: u64, batch: usize, batches: usize) -> Flow {
        self.shared.state().progress(step, batch, batches);
        if batch == 1 {
            self.look_at_memory();
        }
        self.flow()
    }

    fn epoch(&mut self, record: &EpochRecord) -> Flow {
        self.shared.state().epoch(record);
        self.flow()
    }

    fn message(&mut self, text: &str) {
        self.shared.state().message(text);
    }

    fn profile(&mut self, _profile: &Profile) {
        self.shared.state().message("the profile is written");
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // If it panicked, it has said so.
            let _ = thread.join();
        }
        leave();
    }
}
