//! Starting the thread that sends and receives, for every command that measures.

use std::collections::BTreeSet;

use anyhow::Context as _;
use tokio::sync::oneshot;

use super::complaints::complain;
use crate::config::{Family, Host, Target};
use crate::net::{Command, Finished, Inbox, NativeOptions, Prepared, Remote, Sink, prepare};
use crate::sys::{self, rights};

/// What a packet thread leaves behind, or why it leaves nothing.
pub(super) type Measured<S> = anyhow::Result<Finished<S>>;

/// What becomes of the rights that sockets were opened with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Rights {
    /// They are given up, for good.
    #[default]
    GivenUp,
    /// This process needs them for something else too.
    Kept,
}

/// What the user should know of the way this host measures.
#[derive(Default)]
pub(super) struct Advice {
    /// Why some series are refused, which was said at the start.
    pub(super) told: BTreeSet<String>,
    /// What to do if the receive buffers prove too small.
    pub(super) buffer_hint: Option<String>,
}

/// Opens the sockets, so that what is missing is said before anything else, and starts the packet thread. Rights are given up in
/// between: neither that thread nor the calling one has any afterwards.
pub(super) fn start<S: Sink + 'static>(
    options: NativeOptions,
    inbox: Inbox<S>,
    sink: S,
    rights: Rights,
) -> anyhow::Result<(oneshot::Receiver<Measured<S>>, Advice)> {
    let Prepared {
        native,
        notices,
        failures,
        buffer_hint,
    } = prepare(options, inbox, sink)?;
    if rights == Rights::GivenUp
        && let Err(error) = rights::give_up()
    {
        complain(&format!(
            "the rights of this process could not be given up ({error}), and it goes on with them; \
             does a seccomp filter forbid capset or prctl?"
        ));
    }
    for notice in &notices {
        complain(notice);
    }
    let thread = spawn(move || Ok(native.run()?))?;
    let advice = Advice {
        told: failures,
        buffer_hint,
    };
    Ok((thread, advice))
}

/// Runs `measure` on a thread of its own. It is not joined: what it leaves comes through the channel.
pub(super) fn spawn<S: Send + 'static>(
    measure: impl FnOnce() -> Measured<S> + Send + 'static,
) -> anyhow::Result<oneshot::Receiver<Measured<S>>> {
    let (done, finished) = oneshot::channel();
    let thread = std::thread::Builder::new().name("packets".to_owned());
    // Whoever waits for the result may be gone: then nobody misses it.
    thread
        .spawn(move || drop(done.send(measure())))
        .context("the packet thread could not be started")?;
    Ok(finished)
}

/// What the sink of a packet thread holds, as `look` sees it between two turns; nothing where the thread has just ended.
pub(super) async fn look<S, T: Default + Send + 'static>(
    remote: &Remote<S>,
    look: impl FnOnce(&mut S) -> T + Send + 'static,
) -> T {
    let (answer, answered) = oneshot::channel();
    // A receiver that is gone has no use for the answer.
    remote.send(Command::Inspect(Box::new(move |sink| drop(answer.send(look(sink))))));
    answered.await.unwrap_or_default()
}

/// Whether only the resolver will say which families some targets are probed over.
pub(super) fn has_open_family(targets: &[Target], family: Family) -> bool {
    family == Family::Any && targets.iter().any(|target| matches!(target.host, Host::Name(_)))
}

/// The families that are probed for sure, before any name is resolved.
pub(super) fn known_families(targets: &[Target], family: Family) -> Vec<sys::Family> {
    let of_target = |target: &Target| match (&target.host, family) {
        (Host::Address(address, _), _) => Some(sys::Family::from(*address)),
        (Host::Name(_), Family::V4) => Some(sys::Family::V4),
        (Host::Name(_), Family::V6) => Some(sys::Family::V6),
        (Host::Name(_), Family::Any) => None,
    };
    let mut families: Vec<_> = targets.iter().filter_map(of_target).collect();
    families.dedup();
    families
}
