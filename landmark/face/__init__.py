"""What a face is: its points, boxes and crops, and how wrong predicted points are.

May import the errors of script, and numpy and cv2 only.

In: arrays of points (..., P, 2), boxes (..., 4), images (H, W, 3). Out: the same, in
another frame, and errors. `geometry` states the frames and the pixel-centre rule,
`scheme` what the P points are.
"""
