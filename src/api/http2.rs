//! HTTP/2 on a connection, on the HTTP/2 library itself.

use super::calling::Calling;
use super::gather::{Underway, gathered};
use super::server::Limits;
use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use futures_util::task::AtomicWaker;
use futures_util::{FutureExt, StreamExt};
use h2::server::Builder;
use h2::{Ping, PingPong, Reason, RecvStream};
use http_body::{Body, Frame};
use std::future::poll_fn;
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep};
use tonic::codegen::StdError;
use tonic::codegen::http::{Request, Response};

/// What a client may send on one stream before it must wait for us: a largest request fits.
pub(super) const STREAM_WINDOW_BYTES: u32 = 2 * 1024 * 1024;
/// What a client may send on one connection before it must wait for us.
pub(super) const CONNECTION_WINDOW_BYTES: u32 = 8 * 1024 * 1024;
/// Streams that a client gave up before we saw them. A client whose thousand calls time out at
/// once is no attacker, so this is far above the library's default of 20.
const RESET_STREAMS_MAX: usize = 4096;
/// Bytes of the head of a request.
const HEAD_BYTES_MAX: u32 = 16 * 1024;
/// What waits on a stream for the client to read; who has more to say waits too.
const WAITING_BYTES_MAX: usize = 400 * 1024;

/// Turns of a connection and its calls before others have theirs.
const ROUNDS_MAX: usize = 4;

/// Does the calls of a connection until the client closes it; once `stopping` completes no further
/// ones, and until those are done.
pub(super) async fn speak<S, L, A, B>(
    io: impl AsyncRead + AsyncWrite + Unpin,
    limits: &Limits,
    mut answer: impl FnMut(Request<Inflow>) -> Answering<S, L>,
    stopping: impl Future,
) -> Result<(), h2::Error>
where
    S: Future<Output = Response<A>>,
    A: Body<Data = Bytes, Error: Into<StdError>> + Unpin,
    L: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes, Error: Into<StdError>> + Send + Unpin + 'static,
{
    let (io, driver) = gathered(io);
    let underway = Underway::default();
    let others = underway.clone();
    // In a box, or a connection's task would have room for it more than once.
    let speaking = Box::pin(async move {
        let mut connection = Builder::new()
            .initial_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_concurrent_streams(limits.max_concurrent_streams)
            .max_pending_accept_reset_streams(RESET_STREAMS_MAX)
            .max_header_list_size(HEAD_BYTES_MAX)
            .max_send_buffer_size(WAITING_BYTES_MAX)
            .handshake::<_, Bytes>(io)
            .await?;
        let interval = limits.keepalive_interval;
        let mut pulse = interval
            .zip(connection.ping_pong())
            .map(|(interval, pings)| Pulse::new(pings, interval, limits.keepalive_timeout));
        let mut stopping = pin!(stopping);
        let mut is_stopping = false;
        let mut calls = FuturesUnordered::new();
        let bell = Arc::new(Bell::default());
        let waker = Waker::from(bell.clone());
        poll_fn(move |context| {
            if !is_stopping && stopping.as_mut().poll(context).is_ready() {
                is_stopping = true;
                connection.graceful_shutdown();
            }
            let ended = bell.attend(context.waker(), || {
                // The set of calls rings too, whenever it has polled all of them.
                let mut beside = Context::from_waker(&waker);
                while let Poll::Ready(next) = connection.poll_accept(&mut beside) {
                    let Some(next) = next.transpose()? else {
                        return Ok(ControlFlow::Break(()));
                    };
                    let (request, respond) = next;
                    if let Some(pulse) = &mut pulse {
                        pulse.is_heard = true;
                    }
                    match answer(request.map(Inflow)) {
                        Answering::Short(answering) => {
                            let mut call = Calling::new(answering, respond, None);
                            if call.poll_unpin(&mut beside).is_pending() {
                                calls.push(call);
                            }
                        }
                        Answering::Long(answering) => {
                            let underway = Some(underway.begin());
                            tokio::spawn(Calling::new(answering, respond, underway));
                        }
                    }
                }
                while let Poll::Ready(Some(())) = calls.poll_next_unpin(&mut beside) {}
                Ok(ControlFlow::Continue(()))
            })?;
            if ended.is_break() {
                return Poll::Ready(Ok(()));
            }
            if let Some(beating) = &mut pulse
                && beating.poll(context).is_ready()
            {
                pulse = None;
                connection.abrupt_shutdown(Reason::NO_ERROR);
                context.waker().wake_by_ref();
            }
            Poll::Pending
        })
        .await
    });
    driver.drive(speaking, || others.count() > 0).await
}

/// A request that is being answered.
pub(super) enum Answering<S, L> {
    /// By the connection itself.
    Short(S),
    /// By a task of the runtime.
    Long(L),
}

/// Calls the task of a connection, unless that is there: what its calls say while it does them, it says to
/// the client before it rests, and would be woken for nothing.
#[derive(Default)]
struct Bell {
    task: AtomicWaker,
    is_attended: AtomicBool,
    has_rung: AtomicBool,
}

impl Bell {
    /// The task is there for a round, and for a few more while it rings meanwhile. Then it rests, and is
    /// called when it rings, or has rung since the last round began.
    fn attend(
        &self,
        task: &Waker,
        mut round: impl FnMut() -> Result<ControlFlow<()>, h2::Error>,
    ) -> Result<ControlFlow<()>, h2::Error> {
        self.task.register(task);
        self.is_attended.store(true, Ordering::SeqCst);
        for _ in 0..ROUNDS_MAX {
            // Before the round: what rings later may be for what it has passed already.
            self.has_rung.store(false, Ordering::SeqCst);
            if round()?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            if !self.has_rung.load(Ordering::SeqCst) {
                break;
            }
        }
        self.is_attended.store(false, Ordering::SeqCst);
        if self.has_rung.load(Ordering::SeqCst) {
            self.task.wake();
        }
        Ok(ControlFlow::Continue(()))
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.has_rung.store(true, Ordering::SeqCst);
        if !self.is_attended.load(Ordering::SeqCst) {
            self.task.wake();
        }
    }
}

/// Finds out whether a client that is silent is still there.
struct Pulse {
    pings: PingPong,
    interval: Duration,
    timeout: Duration,
    /// Until the next look.
    sleep: Pin<Box<Sleep>>,
    /// A request has come since the last look.
    is_heard: bool,
    is_asked: bool,
}

impl Pulse {
    fn new(pings: PingPong, interval: Duration, timeout: Duration) -> Self {
        Self {
            pings,
            interval,
            timeout,
            sleep: Box::pin(sleep(interval)),
            is_heard: false,
            is_asked: false,
        }
    }

    /// Completes when the client does not answer any more.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.is_asked && self.pings.poll_pong(context).is_ready() {
                self.is_asked = false;
                self.sleep.as_mut().reset(Instant::now() + self.interval);
            }
            ready!(self.sleep.as_mut().poll(context));
            if self.is_asked {
                return Poll::Ready(());
            }
            let wait = match std::mem::take(&mut self.is_heard) {
                true => self.interval,
                false => {
                    self.is_asked = self.pings.send_ping(Ping::opaque()).is_ok();
                    self.timeout
                }
            };
            self.sleep.as_mut().reset(Instant::now() + wait);
        }
    }
}

/// What a client sends in a request.
pub(crate) struct Inflow(RecvStream);

impl Body for Inflow {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        let frame = match ready!(self.0.poll_data(context)) {
            Some(Ok(data)) => {
                // The client may send as much again.
                self.0.flow_control().release_capacity(data.len())?;
                Ok(Frame::data(data))
            }
            // Given up, which is an end like any other.
            Some(Err(error))
                if matches!(error.reason(), Some(Reason::NO_ERROR | Reason::CANCEL)) =>
            {
                return Poll::Ready(None);
            }
            Some(Err(error)) => Err(error),
            None => match ready!(self.0.poll_trailers(context)) {
                Ok(None) => return Poll::Ready(None),
                Ok(Some(trailers)) => Ok(Frame::trailers(trailers)),
                Err(error) => Err(error),
            },
        };
        Poll::Ready(Some(frame))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use futures_util::future::{BoxFuture, ready};
    use h2::client::{self, SendRequest};
    use std::sync::atomic::AtomicUsize;
    use tokio::io::{AsyncWriteExt, duplex};
    use tokio::sync::{mpsc, oneshot};
    use tokio::task::{JoinHandle, yield_now};
    use tokio::time::timeout;

    const SECOND: Duration = Duration::from_secs(1);
    const LIMITS: Limits = Limits {
        max_request_bytes: 0,
        max_concurrent_streams: 100,
        max_connections: 1,
        keepalive_interval: None,
        keepalive_timeout: SECOND,
    };

    /// Counts how often it is woken.
    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A ring in the last round was once forgotten, and its connection slept for ever.
    #[test]
    fn a_ring_is_heard_in_the_next_round_or_calls_the_task() {
        for rings in 0..ROUNDS_MAX + 3 {
            let (bell, woken) = (Arc::new(Bell::default()), Arc::new(Woken::default()));
            let ring = Waker::from(bell.clone());
            let mut rounds = 0;
            let attended = bell.attend(&woken.clone().into(), || {
                rounds += 1;
                if rounds <= rings {
                    ring.wake_by_ref();
                }
                Ok(ControlFlow::Continue(()))
            });
            assert!(attended.unwrap().is_continue());
            assert_eq!(rounds, ROUNDS_MAX.min(rings + 1));
            let is_late = rings >= ROUNDS_MAX;
            assert_eq!(woken.0.load(Ordering::Relaxed), usize::from(is_late));
            // Whether it rang before, or rings while it rests: the task is called.
            ring.wake_by_ref();
            assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        }
    }

    /// So many pieces of so many bytes, which are counted as they are taken.
    #[derive(Default)]
    struct Pieces {
        left: usize,
        bytes: usize,
        taken: Arc<AtomicUsize>,
    }

    impl Body for Pieces {
        type Data = Bytes;
        type Error = StdError;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
            if self.left == 0 {
                return Poll::Ready(None);
            }
            self.left -= 1;
            self.taken.fetch_add(1, Ordering::Relaxed);
            Poll::Ready(Some(Ok(Frame::data(vec![7; self.bytes].into()))))
        }

        fn is_end_stream(&self) -> bool {
            self.left == 0
        }
    }

    type Answer = BoxFuture<'static, Response<Pieces>>;

    /// A client on a connection whose calls `answer` answers, `short` ones those with that path.
    async fn connect(
        limits: Limits,
        mut answer: impl FnMut(Request<Inflow>) -> Answer + Send + 'static,
        stopping: impl Future + Send + 'static,
    ) -> (SendRequest<Bytes>, JoinHandle<Result<(), h2::Error>>) {
        let (here, there) = duplex(1 << 20);
        let serving = tokio::spawn(async move {
            let answer = move |request: Request<Inflow>| match request.uri().path() {
                "/short" => Answering::Short(answer(request)),
                _ => Answering::Long(answer(request)),
            };
            speak(there, &limits, answer, stopping).await
        });
        let (client, connection) = client::handshake(here).await.unwrap();
        tokio::spawn(connection);
        (client, serving)
    }

    fn request(path: &str) -> Request<()> {
        let uri = format!("http://test{path}");
        Request::post(uri).body(()).unwrap()
    }

    /// The bytes of a whole answer.
    async fn read(mut body: RecvStream) -> Result<usize, h2::Error> {
        let mut bytes = 0;
        while let Some(data) = body.data().await {
            let length = data?.len();
            body.flow_control().release_capacity(length)?;
            bytes += length;
        }
        Ok(bytes)
    }

    /// A call that waits holds up no other, whoever does it.
    #[tokio::test]
    async fn calls_are_done_beside_each_other() {
        for path in ["/short", "/long"] {
            let (go, gone) = oneshot::channel::<()>();
            let mut gone = Some(gone);
            let answer = move |_| {
                let gone = gone.take();
                async move {
                    if let Some(gone) = gone {
                        gone.await.unwrap();
                    }
                    let pieces = Pieces {
                        left: 3,
                        bytes: 10,
                        ..Pieces::default()
                    };
                    Response::new(pieces)
                }
                .boxed()
            };
            let stopping = std::future::pending::<()>();
            let (mut client, _serving) = connect(LIMITS, answer, stopping).await;
            let (first, _) = client.send_request(request(path), true).unwrap();
            let (second, _) = client.send_request(request(path), true).unwrap();
            assert_eq!(read(second.await.unwrap().into_body()).await.unwrap(), 30);
            go.send(()).unwrap();
            assert_eq!(read(first.await.unwrap().into_body()).await.unwrap(), 30);
        }
    }

    /// A connection's task that is polled, and how often it is woken meanwhile.
    #[derive(Default)]
    struct Polled {
        task: AtomicWaker,
        is_polled: AtomicBool,
        woken: AtomicUsize,
    }

    impl Wake for Polled {
        fn wake(self: Arc<Self>) {
            let is_polled = self.is_polled.load(Ordering::Relaxed);
            self.woken.fetch_add(is_polled.into(), Ordering::Relaxed);
            self.task.wake();
        }
    }

    /// The set of calls wakes who polls it when it has polled all of them, in case they want more.
    #[tokio::test]
    async fn a_call_that_waits_does_not_wake_its_connection() {
        let polled = Arc::new(Polled::default());
        let (begun, mut calls) = mpsc::unbounded_channel();
        let answer = move |_: Request<Inflow>| {
            let (go, gone) = oneshot::channel::<()>();
            begun.send(go).unwrap();
            let answer = async move {
                gone.await.unwrap();
                Response::<Pieces>::default()
            };
            Answering::<_, Answer>::Short(answer.boxed())
        };
        let (here, there) = duplex(1 << 20);
        let watched = polled.clone();
        tokio::spawn(async move {
            let mut serving = pin!(speak(there, &LIMITS, answer, std::future::pending::<()>()));
            let waker = Waker::from(watched.clone());
            poll_fn(|context| {
                watched.task.register(context.waker());
                watched.is_polled.store(true, Ordering::Relaxed);
                let ended = serving.as_mut().poll(&mut Context::from_waker(&waker));
                watched.is_polled.store(false, Ordering::Relaxed);
                ended
            })
            .await
        });
        let (mut client, connection) = client::handshake(here).await.unwrap();
        tokio::spawn(connection);
        for round in 0..3 {
            let (answer, _) = client.send_request(request("/"), true).unwrap();
            let go = calls.recv().await.unwrap();
            yield_now().await;
            go.send(()).unwrap();
            answer.await.unwrap();
            if round == 0 {
                // The connection has been made by now.
                polled.woken.store(0, Ordering::Relaxed);
            }
        }
        assert_eq!(polled.woken.load(Ordering::Relaxed), 0);
    }

    /// Who gives a call up, or goes away, is waited for by nobody.
    #[tokio::test]
    async fn a_call_ends_with_whoever_makes_it() {
        for path in ["/short", "/long"] {
            let (begun, mut calls) = mpsc::unbounded_channel();
            let answer = move |_| {
                let (held, dropped) = oneshot::channel::<()>();
                begun.send(dropped).unwrap();
                async move {
                    std::future::pending::<()>().await;
                    drop(held);
                    Response::default()
                }
                .boxed()
            };
            let stopping = std::future::pending::<()>();
            let (mut client, serving) = connect(LIMITS, answer, stopping).await;
            let (answer, mut stream) = client.send_request(request(path), false).unwrap();
            let dropped = calls.recv().await.unwrap();
            stream.send_reset(Reason::CANCEL);
            assert!(timeout(SECOND, dropped).await.unwrap().is_err());
            drop((answer, stream));

            let (answer, stream) = client.send_request(request(path), false).unwrap();
            let dropped = calls.recv().await.unwrap();
            drop((answer, stream, client));
            assert!(timeout(SECOND, dropped).await.unwrap().is_err());
            timeout(SECOND, serving).await.unwrap().unwrap().unwrap();
        }
    }

    /// What a client does not read is not made ready for it.
    #[tokio::test]
    async fn an_answer_waits_for_who_reads_it() {
        const PIECE_BYTES: usize = 64 * 1024;
        const PIECES: usize = 100;
        let taken = Arc::new(AtomicUsize::new(0));
        let counted = taken.clone();
        let answer = move |_| {
            let pieces = Pieces {
                left: PIECES,
                bytes: PIECE_BYTES,
                taken: counted.clone(),
            };
            ready(Response::new(pieces)).boxed()
        };
        let stopping = std::future::pending::<()>();
        let (mut client, _serving) = connect(LIMITS, answer, stopping).await;
        let (answer, _) = client.send_request(request("/short"), true).unwrap();
        let body = answer.await.unwrap().into_body();
        for _ in 0..1000 {
            yield_now().await;
        }
        let ahead = taken.load(Ordering::Relaxed);
        assert!(ahead <= WAITING_BYTES_MAX / PIECE_BYTES + 3, "{ahead}");
        assert_eq!(read(body).await.unwrap(), PIECES * PIECE_BYTES);
    }

    /// A request may be longer than what a client may send before it must wait.
    #[tokio::test]
    async fn what_was_read_makes_room_for_more() {
        const BYTES: usize = 3 * STREAM_WINDOW_BYTES as usize;
        let (told, mut heard) = mpsc::unbounded_channel();
        let answer = move |request: Request<Inflow>| {
            let told = told.clone();
            async move {
                let mut body = request.into_body();
                let mut bytes = 0;
                while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
                    bytes += frame.unwrap().into_data().unwrap().len();
                }
                told.send(bytes).unwrap();
                Response::default()
            }
            .boxed()
        };
        let stopping = std::future::pending::<()>();
        let (mut client, _serving) = connect(LIMITS, answer, stopping).await;
        let (answer, mut stream) = client.send_request(request("/short"), false).unwrap();
        stream.send_data(vec![0; BYTES].into(), true).unwrap();
        answer.await.unwrap();
        assert_eq!(heard.recv().await, Some(BYTES));
    }

    /// Once it stops, what was begun is finished and nothing else is.
    #[tokio::test]
    async fn the_last_calls_are_waited_for() {
        let (stop, stopping) = oneshot::channel::<()>();
        let (begun, mut calls) = mpsc::unbounded_channel();
        let answer = move |_| {
            let (go, gone) = oneshot::channel::<()>();
            begun.send(go).unwrap();
            async move {
                gone.await.unwrap();
                Response::default()
            }
            .boxed()
        };
        let (mut client, serving) = connect(LIMITS, answer, stopping).await;
        let (answer, _) = client.send_request(request("/short"), true).unwrap();
        let go = calls.recv().await.unwrap();
        stop.send(()).unwrap();
        while client.clone().ready().await.is_ok() {
            yield_now().await;
        }
        go.send(()).unwrap();
        assert!(answer.await.unwrap().body().is_end_stream());
        timeout(SECOND, serving).await.unwrap().unwrap().unwrap();
    }

    /// A client that answers no ping is let go; one that does may be silent.
    #[tokio::test(start_paused = true)]
    async fn who_is_not_there_any_more_is_let_go() {
        let limits = Limits {
            keepalive_interval: Some(10 * SECOND),
            ..LIMITS
        };
        let answer = |_| ready(Response::default()).boxed();
        let stopping = std::future::pending::<()>();
        let (client, mut serving) = connect(limits, answer, stopping).await;
        assert!(timeout(100 * SECOND, &mut serving).await.is_err());
        drop(client);
        // What it would have been told last may be lost.
        let _ = serving.await.unwrap();

        let (mut here, there) = duplex(1 << 20);
        let answer =
            |_| Answering::<_, Answer>::Short(ready(Response::<Pieces>::default()).boxed());
        let serving = speak(there, &limits, answer, std::future::pending::<()>());
        // The beginning of a connection, with settings that say nothing.
        let begin = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
        here.write_all(begin).await.unwrap();
        let begun = Instant::now();
        timeout(100 * SECOND, serving).await.unwrap().unwrap();
        assert!(begun.elapsed() >= 11 * SECOND);
    }
}
