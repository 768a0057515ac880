//! A call over HTTP/2, from its answer to the last byte of that.

use super::gather::Call;
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http_body::Body;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tonic::codegen::StdError;
use tonic::codegen::http::Response;

/// A call: it is answered, unless the client gives it up, and the answer is sent.
pub(super) struct Calling<F, B> {
    /// In a box that is let go with the answer: most of what a call takes while it waits is in it.
    answering: Option<Pin<Box<F>>>,
    respond: SendResponse<Bytes>,
    /// Until its answer begins.
    underway: Option<Call>,
    sending: Option<Sending<B>>,
}

impl<F, B> Calling<F, B>
where
    F: Future<Output = Response<B>>,
    B: Body<Data = Bytes, Error: Into<StdError>> + Unpin,
{
    pub(super) fn new(answering: F, respond: SendResponse<Bytes>, underway: Option<Call>) -> Self {
        Self {
            answering: Some(Box::pin(answering)),
            respond,
            underway,
            sending: None,
        }
    }

    fn advance(&mut self, context: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        if let Some(answering) = &mut self.answering {
            let Poll::Ready(answer) = answering.as_mut().poll(context) else {
                let reason = ready!(self.respond.poll_reset(context))?;
                return Poll::Ready(Err(reason.into()));
            };
            (self.answering, self.underway) = (None, None);
            let (head, body) = answer.into_parts();
            let is_all = body.is_end_stream();
            let head = Response::from_parts(head, ());
            let stream = self.respond.send_response(head, is_all)?;
            self.sending = (!is_all).then(|| Sending::new(stream, body));
        }
        match &mut self.sending {
            Some(sending) => sending.advance(context),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl<F, B> Future for Calling<F, B>
where
    F: Future<Output = Response<B>>,
    B: Body<Data = Bytes, Error: Into<StdError>> + Unpin,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if let Err(error) = ready!(self.advance(context)) {
            tracing::debug!(%error, "a call has failed");
        }
        Poll::Ready(())
    }
}

/// The body of an answer, on its way.
struct Sending<B> {
    stream: SendStream<Bytes>,
    body: B,
    /// What is to be sent next.
    data: Option<Bytes>,
    is_first: bool,
}

impl<B: Body<Data = Bytes, Error: Into<StdError>> + Unpin> Sending<B> {
    fn new(stream: SendStream<Bytes>, body: B) -> Self {
        Self {
            stream,
            body,
            data: None,
            is_first: true,
        }
    }

    fn advance(&mut self, context: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        loop {
            if let Some(data) = &self.data {
                // What is there already takes no less memory when it waits.
                if !self.is_first && !data.is_empty() {
                    ready!(self.poll_room(context))?;
                }
                let data = self.data.take().unwrap_or_default();
                let is_last = self.body.is_end_stream();
                self.stream.send_data(data, is_last)?;
                if is_last {
                    return Poll::Ready(Ok(()));
                }
                self.is_first = false;
            }
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
                let reason = ready!(self.stream.poll_reset(context))?;
                return Poll::Ready(Err(reason.into()));
            };
            let frame = match frame {
                None => return Poll::Ready(self.stream.send_data(Bytes::new(), true)),
                Some(Ok(frame)) => frame,
                Some(Err(error)) => {
                    let error: StdError = error.into();
                    tracing::debug!(error, "an answer has failed");
                    self.stream.send_reset(Reason::INTERNAL_ERROR);
                    return Poll::Ready(Ok(()));
                }
            };
            match frame.into_data() {
                Ok(data) => self.data = Some(data),
                Err(frame) => {
                    let trailers = frame.into_trailers().unwrap_or_default();
                    return Poll::Ready(self.stream.send_trailers(trailers));
                }
            }
        }
    }

    /// Waits until a client has read what it was sent, but for what may wait on a stream.
    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        self.stream.reserve_capacity(1);
        while self.stream.capacity() == 0 {
            let more = ready!(self.stream.poll_capacity(context)).transpose()?;
            more.ok_or(Reason::CANCEL)?;
        }
        Poll::Ready(Ok(()))
    }
}
