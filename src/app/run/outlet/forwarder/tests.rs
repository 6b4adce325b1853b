use std::sync::mpsc::{self, Receiver, Sender};

use super::*;

/// An end that takes a record when it is let to, and says which.
struct Gate {
    leave: Receiver<Result<(), Refusal>>,
    taken: Sender<String>,
}

impl Way for Gate {
    fn send(&mut self, record: &[u8]) -> Result<(), Refusal> {
        // Nobody at the gate: away.
        let away = |_| Err(Refusal::Peer(io::ErrorKind::ConnectionRefused.into()));
        self.leave.recv().unwrap_or_else(away)?;
        let _ = self.taken.send(String::from_utf8_lossy(record).into_owned());
        Ok(())
    }
}

fn gated(room: usize) -> (Forwarder, Sender<Result<(), Refusal>>, Receiver<String>) {
    let (take, leave) = mpsc::channel();
    let (tell, taken) = mpsc::channel();
    let form = Box::new(|line: &[u8]| (!line.is_empty()).then(|| line.to_vec()));
    let gate = Gate { leave, taken: tell };
    let forwarder = Forwarder::start_with_room("the gate".to_owned(), form, gate, room).unwrap();
    (forwarder, take, taken)
}

#[test]
fn what_a_full_queue_loses_is_told_once_half_of_it_is_free_and_the_rest_keeps_its_order() {
    // Room for four records of two bytes.
    let (mut forwarder, take, taken) = gated(8);
    for record in ["01", "02", "03", "04", "05", "06"] {
        assert_eq!(forwarder.write(record.as_bytes()), Written::AsBefore);
    }
    let mut all = Vec::new();
    let mut let_one_through = || {
        take.send(Ok(())).unwrap();
        all.push(taken.recv().unwrap());
    };
    let_one_through();
    wait_for_bytes(&forwarder, 6);
    assert_eq!(forwarder.write(b"07"), Written::AsBefore, "not yet half empty");
    let_one_through();
    let_one_through();
    wait_for_bytes(&forwarder, 2);
    assert_eq!(forwarder.write(b"08"), Written::After(3));
    assert_eq!(forwarder.write(b"09"), Written::AsBefore);
    (0..3).for_each(|_| let_one_through());
    assert_eq!(all, ["01", "02", "03", "04", "08", "09"]);
    forwarder.finish();
}

#[test]
fn a_record_that_is_refused_for_now_is_tried_again_and_one_that_never_will_be_taken_is_lost() {
    let (mut forwarder, take, taken) = gated(100);
    forwarder.write(b"one");
    take.send(Err(Refusal::Peer(io::ErrorKind::ConnectionRefused.into())))
        .unwrap();
    take.send(Ok(())).unwrap();
    assert_eq!(taken.recv().unwrap(), "one");
    forwarder.write(b"long");
    take.send(Err(Refusal::Record(io::ErrorKind::InvalidInput.into())))
        .unwrap();
    wait_for_bytes(&forwarder, 0);
    assert_eq!(forwarder.write(b"two"), Written::After(1));
    take.send(Ok(())).unwrap();
    assert_eq!(taken.recv().unwrap(), "two");
    assert_eq!(forwarder.write(b""), Written::AsBefore, "not for this end");
    forwarder.finish();
}

#[test]
fn an_end_waits_for_what_is_taken_and_not_for_who_is_away() {
    let (mut forwarder, take, taken) = gated(100);
    for record in [b"one", b"two", b"six"] {
        forwarder.write(record);
        take.send(Ok(())).unwrap();
    }
    forwarder.finish();
    assert_eq!(taken.try_iter().collect::<Vec<_>>(), ["one", "two", "six"]);
    let (mut forwarder, take, taken) = gated(100);
    drop(take);
    forwarder.write(b"one");
    forwarder.finish();
    assert_eq!(forwarder.shared.lock().queue.len(), 1, "counted as missing");
    assert_eq!(taken.try_iter().count(), 0);
}

/// Waits until the thread has accounted for what was taken.
fn wait_for_bytes(forwarder: &Forwarder, bytes: usize) {
    while forwarder.shared.lock().bytes != bytes {
        thread::yield_now();
    }
}
