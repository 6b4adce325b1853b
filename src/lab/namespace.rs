//! A network namespace for this process, as root or as anyone.
//!
//! Who has `CAP_SYS_ADMIN` makes one. Anyone else makes a user namespace first, in which he is root (`user_namespaces(7)`), where the
//! system allows that: distributions close user namespaces by different settings, and which one it was shows in none of the errors.
//! So the settings are read, and the one that stands in the way is named.

use std::io;

use super::error::LabError;
use crate::sys;

/// Moves this process into a network namespace of its own, which has nothing but a loopback interface that is down.
///
/// Must be called before a second thread is started: the kernel gives user namespaces to whole processes only.
///
/// # Errors
/// What is missing for it, and how to get it.
pub(super) fn enter() -> Result<(), LabError> {
    match sys::namespace::unshare_network() {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => enter_as_user(),
        Err(error) => Err(LabError::new(NO_NAMESPACE, error).advise(Obstacles::read().advice())),
        Ok(()) => Ok(()),
    }
}

/// What to do where the capabilities that a user namespace should give prove worthless (Ubuntu's `AppArmor` profile takes them away
/// after the fact); `None` where nothing stands in the way.
pub(super) fn advice_without_capabilities() -> Option<String> {
    Obstacles::read().advice()
}

fn enter_as_user() -> Result<(), LabError> {
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    let blocked = |error| LabError::new(NO_USER_NAMESPACE, error).advise(Some(Obstacles::read().advice_or_root()));
    sys::namespace::unshare_user_and_network().map_err(blocked)?;
    sys::namespace::own_proc_files().map_err(blocked)?;
    // Without `deny`, an ordinary user may not map groups (user_namespaces(7)).
    for (file, content) in [
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/uid_map", format!("0 {} 1", user.as_raw())),
        ("/proc/self/gid_map", format!("0 {} 1", group.as_raw())),
    ] {
        std::fs::write(file, content).map_err(blocked)?;
    }
    Ok(())
}

/// The settings that close user or network namespaces.
#[derive(Clone, Copy, Debug, Default)]
struct Obstacles {
    unprivileged_userns_clone: Option<u64>,
    apparmor_restrict_unprivileged_userns: Option<u64>,
    max_user_namespaces: Option<u64>,
    max_net_namespaces: Option<u64>,
}

impl Obstacles {
    fn read() -> Self {
        let setting = |name: &str| {
            let text = std::fs::read_to_string(format!("/proc/sys/{name}")).ok()?;
            text.trim().parse().ok()
        };
        Self {
            unprivileged_userns_clone: setting("kernel/unprivileged_userns_clone"),
            apparmor_restrict_unprivileged_userns: setting("kernel/apparmor_restrict_unprivileged_userns"),
            max_user_namespaces: setting("user/max_user_namespaces"),
            max_net_namespaces: setting("user/max_net_namespaces"),
        }
    }

    fn advice(self) -> Option<String> {
        let (set, where_so) = if self.unprivileged_userns_clone == Some(0) {
            ("kernel.unprivileged_userns_clone=1", "as Debian and Arch can be set")
        } else if self.apparmor_restrict_unprivileged_userns.is_some_and(|on| on > 0) {
            (
                "kernel.apparmor_restrict_unprivileged_userns=0",
                "as Ubuntu is set from 23.10 on",
            )
        } else if self.max_user_namespaces == Some(0) {
            ("user.max_user_namespaces=15000", "as RHEL 7 is set")
        } else if self.max_net_namespaces == Some(0) {
            ("user.max_net_namespaces=15000", "network namespaces are set to none")
        } else {
            return None;
        };
        Some(format!(
            "user namespaces are closed here ({where_so}): run as root, or 'sysctl {set}'"
        ))
    }

    fn advice_or_root(self) -> String {
        self.advice()
            .unwrap_or_else(|| "run as root; in a container, allow it to make namespaces (CAP_SYS_ADMIN)".to_owned())
    }
}

const NO_NAMESPACE: &str = "a network namespace could not be made";
const NO_USER_NAMESPACE: &str = "a network namespace of a user could not be made";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_that_stands_in_the_way_is_named_with_its_distribution() {
        let open = Obstacles {
            unprivileged_userns_clone: Some(1),
            apparmor_restrict_unprivileged_userns: Some(0),
            max_user_namespaces: Some(31_000),
            max_net_namespaces: Some(31_000),
        };
        for (obstacles, expected) in [
            (
                Obstacles {
                    unprivileged_userns_clone: Some(0),
                    ..open
                },
                ["Debian", "sysctl kernel.unprivileged_userns_clone=1"],
            ),
            (
                Obstacles {
                    apparmor_restrict_unprivileged_userns: Some(1),
                    ..open
                },
                ["Ubuntu", "sysctl kernel.apparmor_restrict_unprivileged_userns=0"],
            ),
            (
                Obstacles {
                    max_user_namespaces: Some(0),
                    ..open
                },
                ["RHEL", "sysctl user.max_user_namespaces="],
            ),
            (
                Obstacles {
                    max_net_namespaces: Some(0),
                    ..open
                },
                ["none", "sysctl user.max_net_namespaces="],
            ),
        ] {
            let advice = obstacles.advice_or_root();
            assert!(expected.iter().all(|part| advice.contains(part)), "{advice}");
            assert!(advice.contains("root"), "{advice}");
        }
        for silent in [open, Obstacles::default()] {
            assert_eq!(silent.advice(), None);
            assert!(silent.advice_or_root().contains("run as root"));
        }
    }
}
