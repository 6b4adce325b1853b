//! Who may do this, and what others are told.

use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

use crate::support::{Finished, Guest, PATHJITTER};
use crate::{NETWORK, V4, is_possible};

/// Runs a shell command, with `LAB` as the beginning of a lab's command line.
fn shell(script: &str) -> Finished {
    let mut command = Command::new("bash");
    // By descriptors, since the paths may cross directories that are closed to another user.
    let script = script.replace("LAB", "/proc/self/fd/9 lab /proc/self/fd/8");
    command.args(["-c", &format!("exec 8<'{NETWORK}' 9<'{PATHJITTER}'; {script}")]);
    Guest::start(command).finish()
}

/// The one line of stderr that says why not.
fn refusal(ended: &Finished) -> &str {
    assert_eq!(ended.code(), 2, "{}", ended.stderr);
    ended
        .stderr
        .trim_end()
        .strip_prefix("pathjitter: ")
        .unwrap_or_else(|| panic!("{}", ended.stderr))
}

#[test]
fn an_ordinary_user_is_told_the_mode_of_the_device_node_and_how_to_change_it() {
    if !is_possible() {
        return;
    }
    let as_nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all";
    if !shell(&format!("{as_nobody} unshare --user --net true"))
        .status
        .success()
    {
        // Here the way ends earlier, and what is said then depends on the settings of the machine.
        let ended = shell(&format!("{as_nobody} LAB -- true"));
        assert!(refusal(&ended).contains("run as root"), "{}", ended.stderr);
        return;
    }
    let ended = shell(&format!("{as_nobody} LAB -- true"));
    if std::fs::metadata("/dev/net/tun").unwrap().mode() & 0o006 == 0o006 {
        assert_eq!(ended.code(), 0, "{}", ended.stderr);
        return;
    }
    let said = refusal(&ended);
    for part in [
        "/dev/net/tun could not be opened",
        "its mode is 0",
        "chmod 0666 /dev/net/tun",
        "run as root",
    ] {
        assert!(ended.stderr.contains(part), "{said:?} lacks {part:?}");
    }
}

#[test]
fn without_the_device_node_the_driver_is_named() {
    if !is_possible() {
        return;
    }
    let ended = shell("exec unshare --mount bash -c 'mount -t tmpfs tmpfs /dev/net && exec LAB -- true'");
    let said = refusal(&ended);
    assert!(
        said.contains("/dev/net/tun could not be opened: No such file"),
        "{said}"
    );
    assert!(said.contains("modprobe tun"), "{said}");
}

#[test]
fn without_the_right_to_make_namespaces_a_user_namespace_does() {
    if !is_possible() {
        return;
    }
    // Root keeps the device node, and loses the right to make namespaces.
    let ended = shell(&format!(
        "setpriv --inh-caps=-sys_admin --bounding-set=-sys_admin LAB -- bash -c 'id -u && ping -n -q -c 3 -i 0.01 {V4}'"
    ));
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    assert_eq!(ended.stdout.first().map(String::as_str), Some("0"));
    assert!(ended.text().contains("3 received, 0% packet loss"), "{}", ended.text());
}

#[test]
fn a_file_that_is_no_topology_is_one_line_and_nothing_is_run() {
    let mut command = Command::new(PATHJITTER);
    command.args(["lab", PATHJITTER, "--", "echo", "ran"]);
    let ended = Guest::start(command).finish();
    assert!(refusal(&ended).contains("can't be read as a file"), "{}", ended.stderr);
    assert!(ended.stdout.is_empty());

    let mut command = Command::new(PATHJITTER);
    command.args(["lab", "/dev/null", "--", "echo", "ran"]);
    let ended = Guest::start(command).finish();
    assert!(
        refusal(&ended).contains("'/dev/null' is no topology"),
        "{}",
        ended.stderr
    );
    assert!(ended.stdout.is_empty());
}
