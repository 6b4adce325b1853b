//! What a service shows over HTTP: metrics, health, and its status.
//!
//! One thread of its own has the counts, the connections and nothing else. The packet thread hands it what is over (windows, news) through a
//! bounded queue, as it does to the writer, and never waits: a client that is slow, hostile or many costs the measurement nothing, and a reader of
//! standard output that is slow does not hold the metrics up. If the queue is full, what is left out is counted and shown.
//!
//! Everything is `GET` or `HEAD`, and nothing can be changed.

mod connections;
mod exhibit;
mod packed;
mod pages;
mod process;

use std::cell::RefCell;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::mpsc;
use tokio::task::LocalSet;

use self::exhibit::Exhibit;
use super::outbox::{Dropped, Outbox};
use super::writer::{AnyClock, Known, WindowJob};
use crate::diagnose::{self, Incident, Stage};
use crate::metrics;
use crate::report::RunIdentity;
use crate::sys::rights;
use crate::units::Mono;

/// What a service tells of itself as it goes on.
pub(in crate::app) enum Told {
    /// A series begins.
    Admitted(Arc<Known>),
    /// A series is probed no more since then.
    Gone(Arc<Known>, Mono),
    /// A window is over.
    Window(Arc<Known>, Arc<WindowJob>),
    /// What the monitor said, beside incidents.
    News(metrics::News),
    /// An incident.
    Incident(Stage, Box<Incident>),
    /// Packets that full receive queues of this host dropped.
    ReceiveDropped(u32),
    /// The wall clock was stepped.
    ClockStepped,
    /// The configuration was read again, and whether it was good.
    Reloaded(bool),
}

impl Told {
    /// What is to be shown of a piece of news, if anything is.
    pub(super) fn of(news: &diagnose::News) -> Option<Self> {
        match news {
            diagnose::News::Incident(stage, incident) => Some(Self::Incident(*stage, incident.clone())),
            other => metrics::News::of(other).map(Self::News),
        }
    }
}

/// What does not change while a service runs.
pub(super) struct About {
    /// Who, and in which run.
    pub(super) identity: RunIdentity,
    /// The time.
    pub(super) clock: AnyClock,
    /// How long a window is.
    pub(super) window: Duration,
    /// How long a series is shown after its end.
    pub(super) kept: Duration,
    /// Whether the metrics of `smokeping_prober` are served too.
    pub(super) has_smokeping: bool,
    /// Lines that the writer did not get.
    pub(super) lines_dropped: Arc<Dropped>,
}

/// Takes the address, so that one in use is told before anything is probed.
///
/// # Errors
/// What the system says.
pub(super) fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).with_context(|| format!("{address} can't be listened on"))?;
    listener
        .set_nonblocking(true)
        .context("a listening socket could not be made non-blocking")?;
    Ok(listener)
}

/// Starts the thread, which ends when nobody can tell it anything any more. It is not joined: all that it has is here to be asked for.
pub(super) fn start(listener: TcpListener, about: About) -> anyhow::Result<Outbox<Told>> {
    let (told, queue) = mpsc::channel(UPDATES);
    let dropped = Arc::new(Dropped::default());
    let outbox = Outbox::new(told, Arc::clone(&dropped));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .context("the tokio runtime could not be started")?;
    let registered = {
        let _inside = runtime.enter();
        tokio::net::TcpListener::from_std(listener)
    };
    let listener = registered.context("the listening socket could not be waited for")?;
    let thread = std::thread::Builder::new().name("http".to_owned());
    let serve = move || {
        // Where two threads want one processor, packets go first. Who may not be nice is not.
        let _ = rustix::process::nice(NICENESS);
        // What strangers talk to has no rights at all; whoever opens sockets says so where that fails.
        let _ = rights::give_up();
        let exhibit = Rc::new(RefCell::new(Exhibit::new(about, dropped)));
        LocalSet::new().block_on(&runtime, serve(listener, queue, exhibit));
    };
    thread.spawn(serve).context("the HTTP thread could not be started")?;
    Ok(outbox)
}

/// Takes what is told, and serves meanwhile.
async fn serve(listener: tokio::net::TcpListener, mut queue: mpsc::Receiver<Told>, exhibit: Rc<RefCell<Exhibit>>) {
    // It waits for connections, and is dropped with the set, after the last word; connections under way are cut then.
    tokio::task::spawn_local(connections::accept_all(listener, Rc::clone(&exhibit)));
    while let Some(told) = queue.recv().await {
        exhibit.borrow_mut().take(told);
    }
}

/// As many as the writer's queue: all windows of 10,000 targets may close at one moment.
const UPDATES: usize = 1 << 16;

/// A third of the weight of a thread that is not nice.
const NICENESS: i32 = 5;
