// @ts-check
/** A still of a camera: small enough to go by the socket where a connection carries no moving picture. */

const WIDTH = 320;
const QUALITIES = [0.7, 0.5, 0.3];
export const STILL_BYTES = 18_000; // what the server takes, as signaling/protocol.py says

/**
 * What a camera shows now, as JPEG.
 * @param {MediaStreamTrack} track
 * @returns {Promise<string | null>} in base64; null when there is no picture, or none that is small enough
 */
export async function takeStill(track) {
  const video = document.createElement('video');
  video.muted = video.playsInline = true;
  video.srcObject = new MediaStream([track]);
  try {
    await video.play();
    return await shrunk(video);
  } catch {
    return null; // the camera was closed meanwhile
  } finally {
    video.srcObject = null;
  }
}

/** @param {HTMLVideoElement} video */
async function shrunk(video) {
  if (!video.videoWidth) return null;
  const canvas = document.createElement('canvas');
  canvas.width = Math.min(WIDTH, video.videoWidth);
  canvas.height = Math.round((canvas.width * video.videoHeight) / video.videoWidth);
  canvas.getContext('2d')?.drawImage(video, 0, 0, canvas.width, canvas.height);
  for (const quality of QUALITIES) {
    /** @type {Blob | null} */
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, 'image/jpeg', quality));
    if (blob && blob.size <= STILL_BYTES) return btoa(String.fromCharCode(...new Uint8Array(await blob.arrayBuffer())));
  }
  return null;
}

/**
 * A still that somebody sent, to be shown.
 * @param {string} jpeg in base64
 * @returns {Promise<HTMLCanvasElement | null>} null when it is no picture
 */
export async function openStill(jpeg) {
  try {
    const bytes = Uint8Array.from(atob(jpeg), (letter) => letter.charCodeAt(0));
    const picture = await createImageBitmap(new Blob([bytes], { type: 'image/jpeg' }));
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [picture.width, picture.height];
    canvas.getContext('2d')?.drawImage(picture, 0, 0);
    return canvas;
  } catch {
    return null;
  }
}
