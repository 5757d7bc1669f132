"""What browsers and server say to each other in real time. The only package that imports socketio."""
