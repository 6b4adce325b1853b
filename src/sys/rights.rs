//! What this process may do beyond an ordinary user, taken up at its start and given up once sockets are open.
//!
//! Linux gives rights to threads: a new thread has those of the thread that starts it, and nobody can change those of another one
//! (`capabilities(7)`). So each thread that is there already gives up its own.

use std::io;

use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, remove_capability_from_bounding_set,
    set_capabilities, set_no_new_privs,
};

/// Makes effective what this process is permitted of what sockets need, for the **calling thread** and those that it starts: a program that
/// was marked with `setcap cap_net_raw,cap_net_admin+p` may use its rights, but does not have them at hand before it asks.
///
/// # Errors
///
/// The errno of `capget` or `capset`.
pub fn raise() -> io::Result<()> {
    let now = capabilities(None)?;
    let wanted = now.effective | (now.permitted & NEEDED);
    if wanted == now.effective {
        return Ok(());
    }
    Ok(set_capabilities(
        None,
        CapabilitySets {
            effective: wanted,
            ..now
        },
    )?)
}

/// Gives up all rights of the **calling thread** and of those that it starts later, for good: no capability is left, and none comes back
/// by starting a program, whoever owns it and however it is marked.
///
/// # Errors
///
/// The errno of `capset` or `prctl`, as a seccomp filter may give it; what could be given up until then is.
pub fn give_up() -> io::Result<()> {
    // Taking from the bounding set is a right itself (CAP_SETPCAP), so it comes first; without it, no_new_privs has the same effect.
    let numbers = (0..u64::BITS).map(|number| CapabilitySet::from_bits_retain(1 << number));
    // The first one that the kernel does not know ends it too.
    let _ = numbers.into_iter().try_for_each(remove_capability_from_bounding_set);
    // Before Linux 4.3 there is no ambient set; and emptying the others empties it.
    let _ = clear_ambient_capability_set();
    let privileges = set_no_new_privs(true);
    let nothing = CapabilitySet::empty();
    set_capabilities(
        None,
        CapabilitySets {
            effective: nothing,
            permitted: nothing,
            inheritable: nothing,
        },
    )?;
    Ok(privileges?)
}

/// Raw sockets, and receive buffers beyond the limit of the system.
const NEEDED: CapabilitySet = CapabilitySet::NET_RAW.union(CapabilitySet::NET_ADMIN);

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::*;

    /// A line of the kernel's account of the calling thread.
    fn status(of: &str) -> String {
        let status = fs::read_to_string("/proc/thread-self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(of)).unwrap();
        line.trim().to_owned()
    }

    #[test]
    fn a_thread_that_gives_up_has_no_rights_and_what_it_starts_gets_none() {
        let in_it = || {
            give_up().unwrap();
            for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
                assert_eq!(status(set), "0000000000000000", "{set}");
            }
            assert_eq!(status("NoNewPrivs:"), "1");
            let output = Command::new("cat").arg("/proc/self/status").output().unwrap();
            let child = String::from_utf8(output.stdout).unwrap();
            assert!(child.contains("CapEff:\t0000000000000000"), "{child}");
            // Twice is as good as once.
            give_up().unwrap();
        };
        std::thread::spawn(in_it).join().unwrap();
    }

    #[test]
    fn what_is_permitted_is_made_effective_and_no_more() {
        let in_it = || {
            let before = capabilities(None).unwrap();
            let nothing = CapabilitySet::empty();
            let asleep = CapabilitySets {
                effective: nothing,
                ..before
            };
            set_capabilities(None, asleep).unwrap();
            raise().unwrap();
            let now = capabilities(None).unwrap();
            assert_eq!(now.effective, before.permitted & NEEDED);
            assert_eq!(now.permitted, before.permitted);
        };
        std::thread::spawn(in_it).join().unwrap();
    }
}
