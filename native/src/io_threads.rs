//! The threads that have the socket and the connections of a listener.
//!
//! The first one receives all datagrams. Those of connections that a thread has go there; the
//! others, which belong to handshakes or to nobody, wait for Python, and as many as a stranger may
//! make us keep. Each thread sends on the same socket.

use std::collections::VecDeque;
use std::io::{IoSliceMut, Result};
use std::net::{IpAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use quinn_udp::{EcnCodepoint, RecvMeta, Transmit, UdpSocketState};

use crate::connection::Connection;
use crate::datagrams::{Arrived, Unclaimed};
use crate::descriptors::{Channel, Wake};
use crate::exchange::{Exchange, Report, Shared};
use crate::io_thread::{Adopted, IoThread};
use crate::state::Datagrams;
use crate::table::{Owner, Table};
use crate::threaded::ThreadedConnection;

/// Bytes of datagrams that wait for Python, or for a thread; more are dropped, as the kernel drops
/// what it has no room for.
const MOST_WAITING: usize = 4 << 20;
/// What each batch counts besides its bytes.
const OVERHEAD: usize = 256;

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes of one segment batch that the kernel may deliver.
pub const LARGEST_BATCH: usize = 1 << 16;

/// The socket. All threads send on it.
pub struct Socket {
    pub udp: UdpSocket,
    pub state: UdpSocketState,
}

impl Socket {
    /// Receive up to `BATCHES` segment batches with one system call, each into its part of
    /// `buffer`; call `each` with them, and return how many there were.
    pub fn receive<const BATCHES: usize>(
        &self,
        buffer: &mut [u8],
        mut each: impl FnMut(&RecvMeta, &[u8]),
    ) -> Result<usize> {
        let mut found = [RecvMeta::default(); BATCHES];
        let mut slices: Vec<_> = buffer.chunks_mut(LARGEST_BATCH).map(IoSliceMut::new).collect();
        let count = self.state.recv((&self.udp).into(), &mut slices, &mut found)?;
        drop(slices);
        for (meta, data) in found[..count].iter().zip(buffer.chunks(LARGEST_BATCH)) {
            each(meta, &data[..meta.len]);
        }
        Ok(count)
    }

    /// Send datagrams with one system call; return whether the kernel has taken them.
    pub fn send_at_once(&self, datagrams: &Datagrams, source: Option<IpAddr>) -> bool {
        if datagrams.size > datagrams.segment && self.state.max_gso_segments() <= 1 {
            return false;
        }
        let joined;
        let contents = match &datagrams.parts[..] {
            [only] => only,
            parts => {
                joined = parts.concat();
                &joined
            }
        };
        let transmit = datagrams.transmit(contents, source);
        self.state.try_send((&self.udp).into(), &transmit).is_ok()
    }

    /// Send datagrams of `segment` bytes; return how many bytes the kernel has taken.
    pub fn send(&self, content: &[u8], datagrams: &Datagrams, source: Option<IpAddr>) -> usize {
        let single = self.state.max_gso_segments() <= 1;
        let most = if single { datagrams.segment } else { content.len() };
        let mut sent = 0;
        for part in content.chunks(most.max(1)) {
            let transmit = datagrams.transmit(part, source);
            // Other errors count as losses.
            if self.state.send((&self.udp).into(), &transmit).is_err() {
                break;
            }
            sent += part.len();
        }
        sent
    }
}

impl Datagrams {
    /// Return what sends `contents`, which are all of them or some, from the address `source`.
    fn transmit<'a>(&self, contents: &'a [u8], source: Option<IpAddr>) -> Transmit<'a> {
        Transmit {
            destination: self.address,
            ecn: EcnCodepoint::from_bits(self.ecn),
            contents,
            segment_size: (contents.len() > self.segment).then_some(self.segment),
            src_ip: source,
        }
    }
}

/// What a thread has to do.
pub enum Task {
    Adopt(u64, Box<Adopted>),
    Receive(u64, Arrived),
    /// Look what Python wants of a connection.
    Attend(u64),
    Stop,
}

/// The tasks of one thread.
pub struct Queue {
    tasks: Mutex<Tasks>,
}

struct Tasks {
    /// Wakes the thread; none once it has ended.
    wake: Option<Arc<Wake>>,
    all: Vec<Task>,
    waiting: usize,
}

impl Queue {
    fn new(wake: Arc<Wake>) -> Self {
        Self { tasks: Mutex::new(Tasks { wake: Some(wake), all: Vec::new(), waiting: 0 }) }
    }

    pub fn add(&self, task: Task) {
        let mut tasks = lock(&self.tasks);
        if tasks.wake.is_none() {
            return;
        }
        if let Task::Receive(_, arrived) = &task {
            let size = arrived.data.len() + OVERHEAD;
            if tasks.waiting + size > MOST_WAITING {
                return;
            }
            tasks.waiting += size;
        }
        tasks.all.push(task);
        if let (1, Some(wake)) = (tasks.all.len(), &tasks.wake) {
            wake.wake();
        }
    }

    pub fn take(&self) -> Vec<Task> {
        let mut tasks = lock(&self.tasks);
        tasks.waiting = 0;
        std::mem::take(&mut tasks.all)
    }

    /// Free what is left, as the thread has ended.
    fn close(&self) {
        let left = {
            let mut tasks = lock(&self.tasks);
            tasks.wake = None;
            std::mem::take(&mut tasks.all)
        };
        // Not with the lock, which what is freed in Python may need.
        drop(left);
    }
}

/// What is new for Python.
#[derive(Default)]
struct News {
    /// Wakes the event loop; none once the threads have ended.
    wake: Option<Wake>,
    unclaimed: VecDeque<Arrived>,
    waiting: usize,
    ready: Vec<Arc<Shared>>,
}

impl News {
    fn is_empty(&self) -> bool {
        self.unclaimed.is_empty() && self.ready.is_empty()
    }

    fn wake(&self) {
        if let Some(wake) = &self.wake {
            wake.wake();
        }
    }

    /// Keep datagrams; return whether there was room for them.
    fn add(&mut self, arrived: Arrived) -> bool {
        let size = arrived.data.len() + OVERHEAD;
        if self.waiting + size > MOST_WAITING {
            return false;
        }
        self.waiting += size;
        self.unclaimed.push_back(arrived);
        true
    }

    fn next(&mut self) -> Option<Arrived> {
        let arrived = self.unclaimed.pop_front()?;
        self.waiting -= arrived.data.len() + OVERHEAD;
        Some(arrived)
    }
}

/// What the threads share with Python, which may keep it for longer than there are threads.
pub struct Hub {
    pub table: Mutex<Table>,
    pub queues: Vec<Queue>,
    /// Whether the socket has several addresses, so that answers need the one that was asked.
    pub own_address: bool,
    news: Mutex<News>,
}

impl Hub {
    pub fn tell_ready(&self, shared: &Arc<Shared>) {
        let mut news = lock(&self.news);
        if news.is_empty() {
            news.wake();
        }
        news.ready.push(shared.clone());
    }

    pub fn tell_unclaimed(&self, arrived: Arrived) {
        let mut news = lock(&self.news);
        let first = news.is_empty();
        if news.add(arrived) && first {
            news.wake();
        }
    }
}

/// The I/O threads of one socket.
#[pyclass(frozen)]
pub struct IoThreads {
    hub: Arc<Hub>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    next: AtomicU64,
    send_limit: usize,
}

impl IoThreads {
    fn order_stop(&self) {
        for queue in &self.hub.queues {
            queue.add(Task::Stop);
        }
    }
}

#[pymethods]
impl IoThreads {
    /// Start `count` threads for the socket that was sent on `channel`.
    ///
    /// All connection IDs have `id_size` bytes. With `own_address` it is said which address
    /// datagrams were sent to. Writers are told when less than `send_limit` bytes were never sent.
    #[new]
    #[pyo3(signature = (channel, *, count, id_size, own_address, send_limit))]
    fn new(
        channel: &Channel,
        count: usize,
        id_size: usize,
        own_address: bool,
        send_limit: usize,
    ) -> PyResult<Self> {
        let udp = channel.socket()?;
        let state = UdpSocketState::new((&udp).into())?;
        let socket = Arc::new(Socket { udp, state });
        let wakes: Vec<_> =
            (0..count).map(|_| Wake::new().map(Arc::new)).collect::<std::io::Result<_>>()?;
        let hub = Arc::new(Hub {
            table: Mutex::new(Table::new(id_size)),
            queues: wakes.iter().cloned().map(Queue::new).collect(),
            own_address,
            news: Mutex::new(News { wake: Some(Wake::new()?), ..News::default() }),
        });
        let threads = Self { hub, threads: Mutex::default(), next: AtomicU64::new(0), send_limit };
        for (index, wake) in wakes.into_iter().enumerate() {
            let thread = IoThread::new(index, threads.hub.clone(), socket.clone(), wake);
            let builder = Builder::new().name(format!("smbquic-io-{index}"));
            lock(&threads.threads).push(builder.spawn(move || thread.run())?);
        }
        Ok(threads)
    }

    /// Return a descriptor that can be read when there is something new; the caller closes it.
    fn descriptor(&self) -> PyResult<i32> {
        let ended = || PyRuntimeError::new_err("the threads have ended");
        Ok(lock(&self.hub.news).wake.as_ref().ok_or_else(ended)?.descriptor()?)
    }

    /// Return what has come for no connection of a thread, up to `most` batches, and the IDs of
    /// the connections that have something new.
    fn take(&self, python: Python<'_>, most: usize) -> (Vec<Unclaimed>, Vec<Py<PyBytes>>) {
        let (unclaimed, ready) = {
            let mut news = lock(&self.hub.news);
            if let Some(wake) = &news.wake {
                wake.clear();
            }
            let unclaimed: Vec<_> = (0..most).map_while(|_| news.next()).collect();
            let ready = std::mem::take(&mut news.ready);
            if !news.is_empty() {
                news.wake();
            }
            (unclaimed, ready)
        };
        let unclaimed = unclaimed.iter().map(|each| each.for_python(python)).collect();
        let ready = ready
            .iter()
            .map(|shared| {
                shared.exchange().listen();
                PyBytes::new_bound(python, &shared.id).unbind()
            })
            .collect();
        (unclaimed, ready)
    }

    /// Give a connection to a thread. Its peer uses the `ids`, of which `id` is the first one.
    ///
    /// `capacity` bytes may wait for the application, and `unread` do. The peer has sent to the
    /// address `own` of this machine, if that matters.
    #[pyo3(signature = (connection, *, id, ids, capacity, unread, own))]
    fn adopt(
        &self,
        connection: &mut Connection,
        id: Vec<u8>,
        ids: Vec<Vec<u8>>,
        capacity: usize,
        unread: usize,
        own: Option<IpAddr>,
    ) -> PyResult<ThreadedConnection> {
        let ended = || PyRuntimeError::new_err("the connection has ended");
        let state = connection.state.take().ok_or_else(ended)?;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        // One after the other: each thread gets as many.
        let thread = usize::try_from(number).unwrap_or_default() % self.hub.queues.len();
        let owner = Owner { thread, connection: number };
        let exchange = Exchange::new(Report::of(&state), self.send_limit);
        let shared = Arc::new(Shared::new(id, exchange));
        let threaded = ThreadedConnection::new(
            self.hub.clone(),
            owner,
            shared.clone(),
            state.peer.clone(),
            state.addresses.clone(),
        );
        let adopted = Adopted::new(state, shared, capacity, unread, own);
        // First, so that it is there before its datagrams are.
        self.hub.queues[owner.thread].add(Task::Adopt(number, Box::new(adopted)));
        for id in ids {
            threaded.add_id(&id);
        }
        Ok(threaded)
    }

    /// End the threads, once they have done what was ordered so far.
    fn stop(&self, python: Python<'_>) {
        self.order_stop();
        let threads = std::mem::take(&mut *lock(&self.threads));
        // A thread may need the interpreter lock until it ends.
        python.allow_threads(|| {
            for thread in threads {
                let _ = thread.join();
            }
        });
        for queue in &self.hub.queues {
            queue.close();
        }
        drop(std::mem::take(&mut *lock(&self.hub.news)));
    }
}

impl Drop for IoThreads {
    fn drop(&mut self) {
        self.order_stop();
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn arrived(size: usize) -> Arrived {
        let remote = SocketAddr::from(([192, 0, 2, 1], 443));
        Arrived { data: vec![7; size].as_slice().into(), size, remote, local: None, ecn: 0 }
    }

    #[test]
    fn what_waits_for_python_is_bounded() {
        let mut news = News::default();
        let most = MOST_WAITING / (1000 + OVERHEAD);
        assert_eq!((0..most + 10).filter(|_| news.add(arrived(1000))).count(), most);
        assert_eq!(news.next().map(|each| each.data.len()), Some(1000));
        assert!(news.add(arrived(1000)));
        while news.next().is_some() {}
        assert_eq!(news.waiting, 0);
    }

    #[test]
    fn what_waits_for_a_thread_is_bounded_but_never_a_task_of_python() {
        let queue = Queue::new(Arc::new(Wake::new().unwrap()));
        let most = MOST_WAITING / OVERHEAD;
        for _ in 0..most + 10 {
            queue.add(Task::Receive(1, arrived(0)));
        }
        queue.add(Task::Stop);
        assert_eq!(queue.take().len(), most + 1);
        queue.add(Task::Receive(1, arrived(0)));
        assert_eq!(queue.take().len(), 1);
        queue.add(Task::Stop);
        queue.close();
        queue.add(Task::Stop);
        assert_eq!(queue.take().len(), 0);
    }
}
