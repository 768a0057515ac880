//! Connections whose writes are gathered.
//!
//! HTTP/2 writes each piece of data by itself, and whenever it is polled: with many calls on a
//! connection that is a call of the system for nearly every answer. Here bytes wait until that poll is
//! over; and while more answers are on their way, until the tasks that are ready have had their turn.

use parking_lot::Mutex;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that wait; who has more to write waits for the system.
const WAITING_BYTES_MAX: usize = 64 * 1024;
/// Room for them that a connection keeps.
const KEPT_BYTES_MAX: usize = 16 * 1024;

/// A connection for whoever speaks on it, and what drives that.
pub(crate) fn gathered<T>(io: T) -> (Gathered<T>, Driver<T>) {
    let state = Arc::new(Mutex::new(State {
        io,
        waiting: Vec::new(),
        passed: 0,
        is_driven: true,
        failure: None,
    }));
    (Gathered(state.clone()), Driver(state))
}

/// A connection. What is flushed is on its way once its [`Driver`] was polled.
pub(crate) struct Gathered<T>(Arc<Mutex<State<T>>>);

/// Passes on what a connection has gathered.
pub(crate) struct Driver<T>(Arc<Mutex<State<T>>>);

struct State<T> {
    io: T,
    waiting: Vec<u8>,
    /// How many of them the system has.
    passed: usize,
    /// Somebody passes on what waits; otherwise flushing does.
    is_driven: bool,
    /// Why it could not be passed on, until somebody was told.
    failure: Option<io::Error>,
}

impl<T: AsyncWrite + Unpin> State<T> {
    fn check(&mut self) -> io::Result<()> {
        self.failure.take().map_or(Ok(()), Err)
    }

    /// Gives what waits to the system.
    fn poll_pass(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.passed < self.waiting.len() {
            let io = Pin::new(&mut self.io);
            match ready!(io.poll_write(context, &self.waiting[self.passed..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.passed += written,
            }
        }
        self.passed = 0;
        self.waiting.clear();
        self.waiting.shrink_to(KEPT_BYTES_MAX);
        Pin::new(&mut self.io).poll_flush(context)
    }
}

impl<T: AsyncWrite + Unpin> Driver<T> {
    /// Does what `speaking` does, which speaks on the connection, and passes on what that writes; a
    /// little later when there is `more` to come. Who has the connection afterwards, must flush.
    pub(crate) async fn drive<F: Future>(self, speaking: F, more: impl Fn() -> bool) -> F::Output {
        let mut speaking = pin!(speaking);
        let mut has_waited = false;
        poll_fn(|context| {
            let spoken = speaking.as_mut().poll(context);
            let state = &mut *self.0.lock();
            if spoken.is_ready() {
                state.is_driven = false;
            } else if state.waiting.is_empty() {
                return spoken;
            } else if !has_waited && more() {
                // A task that wakes itself comes behind those that are ready.
                has_waited = true;
                context.waker().wake_by_ref();
                return spoken;
            }
            has_waited = false;
            if let Poll::Ready(Err(error)) = state.poll_pass(context) {
                state.failure = Some(error);
                context.waker().wake_by_ref();
            }
            spoken
        })
        .await
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Gathered<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let state = &mut *self.0.lock();
        state.check()?;
        Pin::new(&mut state.io).poll_read(context, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Gathered<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let state = &mut *self.0.lock();
        state.check()?;
        if state.waiting.len() >= WAITING_BYTES_MAX {
            ready!(state.poll_pass(context))?;
        }
        let before = state.waiting.len();
        for slice in slices {
            let room = WAITING_BYTES_MAX - state.waiting.len();
            let taken = &slice[..slice.len().min(room)];
            state.waiting.extend_from_slice(taken);
        }
        Poll::Ready(Ok(state.waiting.len() - before))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let state = &mut *self.0.lock();
        state.check()?;
        match state.is_driven {
            true => Poll::Ready(Ok(())),
            false => state.poll_pass(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let state = &mut *self.0.lock();
        state.check()?;
        ready!(state.poll_pass(context))?;
        Pin::new(&mut state.io).poll_shutdown(context)
    }
}

/// How many calls of a connection wait for the beginning of their answer.
#[derive(Clone, Default)]
pub(crate) struct Underway(Arc<AtomicUsize>);

impl Underway {
    /// One more, for as long as what this returns is there.
    pub(crate) fn begin(&self) -> Call {
        self.0.fetch_add(1, Ordering::Relaxed);
        Call(self.clone())
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// One call.
pub(crate) struct Call(Underway);

impl Drop for Call {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use futures_util::poll;
    use std::future::pending;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::task::yield_now;

    /// Takes what has arrived.
    async fn arrived(other: &mut DuplexStream) -> Vec<u8> {
        let mut bytes = vec![0; 2 * WAITING_BYTES_MAX];
        let length = match poll!(pin!(other.read(&mut bytes))) {
            Poll::Ready(length) => length.unwrap(),
            Poll::Pending => 0,
        };
        bytes.truncate(length);
        bytes
    }

    /// What is flushed goes when the poll is over, all of it at once.
    #[tokio::test]
    async fn pieces_go_together() {
        let (io, mut other) = duplex(1024);
        let (mut io, driver) = gathered(io);
        let speaking = async {
            for piece in ["a", "b", "c"] {
                io.write_all(piece.as_bytes()).await.unwrap();
                io.flush().await.unwrap();
                assert_eq!(arrived(&mut other).await, b"");
            }
            yield_now().await;
            arrived(&mut other).await
        };
        assert_eq!(driver.drive(speaking, || false).await, b"abc");
    }

    /// When there is more to come, what is said in the next poll goes with what was said before.
    #[tokio::test]
    async fn what_is_ready_is_waited_for() {
        let (io, mut other) = duplex(1024);
        let (mut io, driver) = gathered(io);
        let underway = Underway::default();
        let call = underway.begin();
        let speaking = async {
            io.write_all(b"first ").await.unwrap();
            yield_now().await;
            io.write_all(b"second").await.unwrap();
            pending::<()>().await
        };
        let mut driving = pin!(driver.drive(speaking, || underway.count() > 0));
        assert!(poll!(&mut driving).is_pending());
        assert_eq!(arrived(&mut other).await, b"");
        assert!(poll!(&mut driving).is_pending());
        assert_eq!(arrived(&mut other).await, b"first second");
        drop(call);
        assert_eq!(underway.count(), 0);
    }

    /// Nothing waits for a call that takes long.
    #[tokio::test]
    async fn a_wait_ends_by_itself() {
        let (io, mut other) = duplex(1024);
        let (mut io, driver) = gathered(io);
        let speaking = async move {
            io.write_all(b"a").await.unwrap();
            pending::<()>().await
        };
        let driven = tokio::spawn(driver.drive(speaking, || true));
        assert_eq!(other.read_u8().await.unwrap(), b'a');
        driven.abort();
    }

    /// Who writes more than there is room for waits until somebody reads, and nothing is lost.
    #[tokio::test]
    async fn room_is_bounded() {
        const BYTES: usize = 5 * WAITING_BYTES_MAX + 1;
        let (io, mut other) = duplex(1000);
        let (mut io, driver) = gathered(io);
        let bytes: Vec<u8> = (0..BYTES).map(|place| place as u8).collect();
        let expected = bytes.clone();
        let speaking = async move {
            io.write_all(&bytes).await.unwrap();
            io.shutdown().await.unwrap();
        };
        let mut driving = pin!(driver.drive(speaking, || true));
        assert!(poll!(&mut driving).is_pending());
        let mut read = Vec::new();
        tokio::join!(driving, async {
            other.read_to_end(&mut read).await.unwrap()
        });
        assert!(read == expected);
    }

    /// Whoever has the connection when nobody drives it any more sees to it alone.
    #[tokio::test]
    async fn afterwards_flushing_is_flushing() {
        let (io, mut other) = duplex(1024);
        let (mut io, driver) = gathered(io);
        let speaking = async {
            io.write_all(b"switching").await.unwrap();
            io
        };
        let mut io = driver.drive(speaking, || true).await;
        assert_eq!(arrived(&mut other).await, b"switching");
        io.write_all(b"frame").await.unwrap();
        io.flush().await.unwrap();
        assert_eq!(arrived(&mut other).await, b"frame");
    }

    /// A reader hears that nothing can be written any more.
    #[tokio::test]
    async fn a_broken_connection_ends() {
        let (io, other) = duplex(1024);
        drop(other);
        let (mut io, driver) = gathered(tokio::io::join(Silent, io));
        let speaking = async {
            io.write_all(b"lost").await.unwrap();
            io.read_u8().await
        };
        let error = driver.drive(speaking, || false).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }

    /// Never says anything.
    struct Silent;

    impl AsyncRead for Silent {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }
}
