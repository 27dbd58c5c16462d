//! One I/O thread: it receives, decrypts, acknowledges, sends, and has the timers.
//!
//! It needs the interpreter lock only where a connection needs another connection ID, and has no
//! other lock then.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};

use crate::datagrams::Arrived;
use crate::descriptors::Wake;
use crate::exchange::{Orders, Received, Report, Shared};
use crate::framer::PREFIX_SIZE;
use crate::io_threads::{Hub, LARGEST_BATCH, Socket, Task, lock};
use crate::state::{Datagrams, MAX_BURST, MAX_SEGMENTED, State};

/// Segment batches that are received before something is sent.
const BATCHES: usize = 8;
/// Addresses of a peer for which it is known to which of ours it has sent.
const MOST_SOURCES: usize = 8;

/// Datagrams that the kernel has not taken yet.
struct Blocked {
    content: Vec<u8>,
    datagrams: Datagrams,
    source: Option<IpAddr>,
}

/// A connection of this thread.
pub struct Adopted {
    state: State,
    shared: Arc<Shared>,
    capacity: usize,
    unread: usize,
    arrived: (usize, usize),
    /// The addresses of this machine that the peer has sent to, by its own.
    sources: VecDeque<(SocketAddr, IpAddr)>,
    due: Option<Instant>,
}

impl Adopted {
    /// `capacity` bytes may wait for the application, and `unread` do.
    pub fn new(
        state: State,
        shared: Arc<Shared>,
        capacity: usize,
        unread: usize,
        own: Option<IpAddr>,
    ) -> Self {
        let remote = state.connection.as_ref().map(|(_, connection)| connection.remote_address());
        Self {
            state,
            shared,
            capacity,
            unread,
            arrived: (0, 0),
            sources: remote.zip(own).into_iter().collect(),
            due: None,
        }
    }

    fn receive(&mut self, arrived: Arrived, now: Instant) {
        let size = arrived.data.len();
        self.arrived.0 += size;
        self.arrived.1 += size.div_ceil(arrived.size);
        if let Some(own) = arrived.local {
            self.note_source(arrived.remote, own);
        }
        self.state.receive(arrived.data, arrived.size, arrived.remote, arrived.ecn, now);
    }

    fn note_source(&mut self, remote: SocketAddr, own: IpAddr) {
        if self.sources.front() == Some(&(remote, own)) {
            return;
        }
        self.sources.retain(|(address, _)| *address != remote);
        self.sources.push_front((remote, own));
        self.sources.truncate(MOST_SOURCES);
    }

    fn source_for(&self, remote: SocketAddr) -> Option<IpAddr> {
        self.sources.iter().find(|(address, _)| *address == remote).map(|(_, own)| *own)
    }

    /// Do what Python wants.
    fn obey(&mut self, orders: Orders, now: Instant) {
        for data in orders.written {
            self.state.queue.add(data);
        }
        self.unread = self.unread.saturating_sub(orders.released);
        for arrived in orders.datagrams {
            self.receive(arrived, now);
        }
        if orders.ping {
            self.state.ping();
        }
        if let Some((code, reason)) = orders.close {
            self.state.close(code, reason, now);
        }
    }

    /// Read what has arrived, as far as there is room for it.
    fn read(&mut self) -> Received {
        let room = self.capacity.saturating_sub(self.unread);
        let (pieces, read) = self.state.read(room, self.capacity - PREFIX_SIZE);
        self.unread += read;
        let arrived = std::mem::take(&mut self.arrived);
        Received { pieces, read, arrived, finished: false }
    }
}

/// The thread with the number `index`. The first one receives for all.
pub struct IoThread {
    index: usize,
    hub: Arc<Hub>,
    socket: Arc<Socket>,
    wake: Arc<Wake>,
    connections: HashMap<u64, Adopted>,
    timers: BTreeSet<(Instant, u64)>,
    /// Connections that have something to do.
    active: BTreeSet<u64>,
    blocked: VecDeque<Blocked>,
    buffer: Vec<u8>,
    content: Vec<u8>,
}

impl IoThread {
    pub fn new(index: usize, hub: Arc<Hub>, socket: Arc<Socket>, wake: Arc<Wake>) -> Self {
        let receives = usize::from(index == 0);
        Self {
            index,
            hub,
            socket,
            wake,
            connections: HashMap::new(),
            timers: BTreeSet::new(),
            active: BTreeSet::new(),
            blocked: VecDeque::new(),
            buffer: vec![0; receives * BATCHES * LARGEST_BATCH],
            content: Vec::new(),
        }
    }

    /// Work until Python stops it.
    pub fn run(mut self) {
        loop {
            let (readable, writable) = self.wait();
            if writable {
                self.send_blocked();
            }
            let going_on = self.take_tasks();
            if readable {
                self.receive();
            }
            self.call_timers();
            // While the kernel takes nothing, no packets are made: they would count as sent too
            // early.
            if self.blocked.is_empty() {
                for number in std::mem::take(&mut self.active) {
                    self.work(number);
                }
            }
            if !going_on {
                return;
            }
        }
    }

    /// Wait for something to do; return whether the socket can be read and written.
    fn wait(&self) -> (bool, bool) {
        let mut flags = PollFlags::empty();
        if self.index == 0 {
            flags |= PollFlags::IN;
        }
        if !self.blocked.is_empty() {
            flags |= PollFlags::OUT;
        }
        let timeout = self.until_due();
        let mut polled =
            [PollFd::new(&self.wake.0, PollFlags::IN), PollFd::new(&self.socket.udp, flags)];
        let count = if flags.is_empty() { 1 } else { 2 };
        // Without a result, such as after a signal, there is nothing to do but to wait again.
        if poll(&mut polled[..count], timeout).is_err() {
            return (false, false);
        }
        if !polled[0].revents().is_empty() {
            self.wake.clear();
        }
        let socket = polled[1].revents();
        (socket.intersects(PollFlags::IN | PollFlags::ERR), socket.contains(PollFlags::OUT))
    }

    /// Return the milliseconds until something is due; -1 if nothing is.
    fn until_due(&self) -> i32 {
        if self.blocked.is_empty() && !self.active.is_empty() {
            return 0;
        }
        let Some((due, _)) = self.timers.first() else {
            return -1;
        };
        // Never too early.
        let left = due.saturating_duration_since(Instant::now()) + Duration::from_micros(999);
        i32::try_from(left.as_millis()).unwrap_or(i32::MAX)
    }

    /// Do what Python, and the thread that receives, want; return whether to go on.
    fn take_tasks(&mut self) -> bool {
        let hub = self.hub.clone();
        let mut going_on = true;
        for task in hub.queues[self.index].take() {
            match task {
                Task::Adopt(number, adopted) => {
                    self.connections.insert(number, *adopted);
                    self.active.insert(number);
                }
                Task::Receive(number, arrived) => self.pass(number, arrived, Instant::now()),
                Task::Attend(number) => {
                    self.active.insert(number);
                }
                Task::Stop => going_on = false,
            }
        }
        going_on
    }

    /// Receive what the socket has, and pass it on.
    fn receive(&mut self) {
        let (hub, socket) = (self.hub.clone(), self.socket.clone());
        let mut buffer = std::mem::take(&mut self.buffer);
        let now = Instant::now();
        // After an error there is nothing to do but to wait again.
        let _ = socket.receive::<BATCHES>(&mut buffer, |meta, data| {
            let parts = lock(&hub.table).parts(data, meta.stride);
            for (range, owner) in parts {
                let arrived = Arrived::new(&data[range], meta, hub.own_address);
                match owner {
                    None => hub.tell_unclaimed(arrived),
                    Some(owner) if owner.thread == self.index => {
                        self.pass(owner.connection, arrived, now);
                    }
                    Some(owner) => {
                        hub.queues[owner.thread].add(Task::Receive(owner.connection, arrived));
                    }
                }
            }
        });
        self.buffer = buffer;
    }

    /// Give datagrams to a connection.
    fn pass(&mut self, number: u64, arrived: Arrived, now: Instant) {
        if self.guarded(number, |adopted| adopted.receive(arrived, now)).is_some() {
            self.active.insert(number);
        }
    }

    fn call_timers(&mut self) {
        let Some((first, _)) = self.timers.first() else {
            return;
        };
        let now = Instant::now();
        if *first > now {
            return;
        }
        let later = self.timers.split_off(&(now, u64::MAX));
        for (_, number) in std::mem::replace(&mut self.timers, later) {
            self.guarded(number, |adopted| {
                adopted.due = None;
                adopted.state.handle_timeout(now);
            });
            self.active.insert(number);
        }
    }

    /// Call `work` with a connection. One that panics ends, and no other one.
    fn guarded<T>(&mut self, number: u64, work: impl FnOnce(&mut Adopted) -> T) -> Option<T> {
        let adopted = self.connections.get_mut(&number)?;
        let result = catch_unwind(AssertUnwindSafe(|| work(adopted)));
        if result.is_err() {
            let shared = adopted.shared.clone();
            self.remove(number);
            let report = Report { failed: true, terminated: true, ..Report::default() };
            let _ = shared.exchange().report(report, Received::default(), false);
            self.hub.tell_ready(&shared);
        }
        result.ok()
    }

    fn remove(&mut self, number: u64) {
        if let Some(due) = self.connections.remove(&number).and_then(|adopted| adopted.due) {
            self.timers.remove(&(due, number));
        }
    }

    /// Let a connection read and send, and report.
    fn work(&mut self, number: u64) {
        let Some(shared) = self.connections.get(&number).map(|each| each.shared.clone()) else {
            return;
        };
        let orders = shared.exchange().take_orders();
        let free = orders.free;
        let begun = self.guarded(number, |adopted| {
            adopted.obey(orders, Instant::now());
            adopted.read()
        });
        let Some(received) = begun else {
            return;
        };
        let mut sent = 0;
        let mut more = true;
        while more && sent < MAX_BURST && self.blocked.is_empty() {
            let Some(batches) = self.guarded(number, |adopted| {
                let batches = adopted.state.datagrams(Instant::now(), MAX_SEGMENTED);
                more = adopted.state.more;
                batches
                    .into_iter()
                    .map(|each| (adopted.source_for(each.address), each))
                    .collect::<Vec<_>>()
            }) else {
                return;
            };
            for (source, batch) in batches {
                sent += batch.size;
                self.send(number, source, batch);
            }
        }
        let Some((report, starved, due)) = self.guarded(number, |adopted| {
            let starved = adopted.unread >= adopted.capacity;
            (Report::of(&adopted.state), starved, adopted.state.timeout())
        }) else {
            return;
        };
        let terminated = report.terminated;
        let consequence = shared.exchange().report(report, received, starved);
        if consequence.tell {
            self.hub.tell_ready(&shared);
        }
        if free || terminated {
            self.remove(number);
            return;
        }
        if more || consequence.again {
            self.active.insert(number);
        }
        self.set_timer(number, due);
    }

    fn set_timer(&mut self, number: u64, due: Option<Instant>) {
        let Some(adopted) = self.connections.get_mut(&number) else {
            return;
        };
        if adopted.due == due {
            return;
        }
        if let Some(before) = adopted.due {
            self.timers.remove(&(before, number));
        }
        adopted.due = due;
        if let Some(due) = due {
            self.timers.insert((due, number));
        }
    }

    fn send(&mut self, number: u64, source: Option<IpAddr>, mut datagrams: Datagrams) {
        let parts = std::mem::take(&mut datagrams.parts);
        let content = if let [whole] = parts.as_slice() {
            whole
        } else {
            self.content.clear();
            for part in &parts {
                self.content.extend_from_slice(part);
            }
            &self.content
        };
        let waits = !self.blocked.is_empty();
        let sent = if waits { 0 } else { self.socket.send(content, &datagrams, source) };
        if sent < content.len() {
            let content = content[sent..].to_vec();
            self.blocked.push_back(Blocked { content, datagrams, source });
        }
        if let Some(adopted) = self.connections.get_mut(&number) {
            adopted.state.recycle(parts);
        }
    }

    /// Send what the kernel did not take before.
    fn send_blocked(&mut self) {
        while let Some(mut first) = self.blocked.pop_front() {
            let sent = self.socket.send(&first.content, &first.datagrams, first.source);
            if sent < first.content.len() {
                first.content.drain(..sent);
                self.blocked.push_front(first);
                return;
            }
        }
    }
}
